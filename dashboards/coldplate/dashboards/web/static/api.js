// Asks the server; who is not let in goes to the login page.

/** What went wrong, with what to do about it. */
export class Trouble extends Error {
  /** @param {string} message @param {string} hint @param {number} status 0 where there was no answer */
  constructor(message, hint = "", status = 0) {
    super(message);
    this.hint = hint;
    this.status = status;
  }

  /** In one line. */
  get words() {
    return this.hint ? `${this.message} (${this.hint})` : this.message;
  }
}

/**
 * JSON of a path below this page.
 * @param {string} path its parts already encoded
 * @param {Object<string, any>} [query] absent values are left out
 * @param {AbortSignal} [signal]
 */
export async function ask(path, query = {}, signal = undefined) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  const search = given.length
    ? `?${new URLSearchParams(given.map(([k, v]) => [k, String(v)]))}`
    : "";
  let response;
  try {
    response = await fetch(`api/${path}${search}`, {
      signal,
      headers: { Accept: "application/json" },
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Trouble("the server does not answer");
  }
  if (response.status === 401) {
    location.assign("login");
    throw new Trouble("a login is needed", "", 401);
  }
  let body;
  try {
    body = await response.json();
  } catch {
    throw new Trouble(`the server answered ${response.status} without JSON`, "", response.status);
  }
  if (!response.ok)
    throw new Trouble(
      String(body.error ?? response.status),
      String(body.hint ?? ""),
      response.status,
    );
  return body;
}

/** An id as part of a path. */
export const part = encodeURIComponent;

/**
 * Asks again and again, one question at a time, until stopped.
 * @param {number} everyMs
 * @param {(signal: AbortSignal) => Promise<void>} once
 * @returns {() => void} stops it
 */
export function repeat(everyMs, once) {
  const stop = new AbortController();
  const turn = async () => {
    try {
      if (!document.hidden) await once(stop.signal);
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "AbortError")) throw error;
    }
    // The next turn waits for the answer to this one: a slow server is not asked twice.
    if (!stop.signal.aborted) setTimeout(() => stop.signal.aborted || turn(), everyMs);
  };
  turn();
  return () => stop.abort();
}
