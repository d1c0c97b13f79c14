// The line to the server: connects, reconnects by itself, keeps words and cells in their order.

import { ask, Trouble } from "./api.js";
import { body, DELTA, floorMark, header, SNAPSHOT } from "./message.js";

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5000;
/** The server speaks every second; after so long without a word the line is taken for dead. */
const SILENCE_MS = 10000;
const AWAY = 503;

/**
 * @typedef {Object} Heard
 * @property {(told: any) => void} floor a floor as `/api/floor` tells it
 * @property {(hello: any) => void} hello
 * @property {(picture: any) => void} picture whole, with what earlier ones said
 * @property {(why: string) => void} away the history does not answer
 * @property {(cells: Uint8Array, head: import("./message.js").Header) => void} cells whole
 * @property {(why: string) => void} lost the line is down
 * @property {(message: string) => void} wrong the server did not like what it was told
 * @property {() => any[]} wishes what to ask for on a new line
 */

export class Connection {
  #heard;
  #socket = null;
  #waitMs = FIRST_WAIT_MS;
  #watch = 0;
  #queue = Promise.resolve();
  #picture = {};
  #cells = null;
  #head = null;
  #floor = "";
  #again = false;

  /** @param {Heard} heard */
  constructor(heard) {
    this.#heard = heard;
  }

  /** Whether words get through. */
  get open() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Connects, and again whenever the line breaks. */
  async start() {
    try {
      await this.#learnFloor();
    } catch (error) {
      // Where only the history is away, the line will say so, and when it is back.
      if (error.status !== AWAY) {
        this.#heard.lost(error instanceof Trouble ? error.words : String(error));
        this.#later();
        return;
      }
    }
    const address = new URL("api/live", location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    address.hash = "";
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#picture = {};
    this.#cells = this.#head = null;
    this.#again = false;
    this.#listen();
    socket.onmessage = ({ data }) => {
      this.#listen();
      // One after the other: a delta must not overtake the snapshot that is still being unpacked.
      this.#queue = this.#queue.then(() => socket === this.#socket && this.#take(data));
    };
    socket.onclose = (event) => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      this.#heard.lost(event.reason || "no connection to the server");
      this.#later();
    };
  }

  /** Tells the server something; without a line it is lost, for a new line begins with the wishes. */
  send(words) {
    if (this.open) this.#socket.send(JSON.stringify(words));
  }

  #later() {
    clearTimeout(this.#watch);
    setTimeout(() => this.start(), this.#waitMs * (0.75 + Math.random() / 2));
    this.#waitMs = Math.min(2 * this.#waitMs, LONGEST_WAIT_MS / 1.25);
  }

  #listen() {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#socket?.close(), SILENCE_MS);
  }

  async #learnFloor() {
    const told = await ask("floor");
    if (told.version === this.#floor) return;
    this.#floor = told.version;
    this.#cells = this.#head = null;
    this.#heard.floor(told);
  }

  async #take(data) {
    try {
      if (typeof data === "string") await this.#words(JSON.parse(data));
      else await this.#binary(data);
    } catch (error) {
      this.#ask();
      this.#heard.wrong(
        error instanceof Trouble ? error.words : `a message could not be read: ${error.message}`,
      );
    }
  }

  async #words(told) {
    if (told.type === "hello") {
      this.#waitMs = FIRST_WAIT_MS;
      if (told.floor && told.floor !== this.#floor) await this.#learnFloor();
      this.#heard.hello(told);
      for (const wish of this.#heard.wishes()) this.send(wish);
    } else if (told.type === "picture") {
      if (told.floor !== this.#floor) await this.#learnFloor();
      this.#picture = { ...this.#picture, ...told };
      this.#heard.picture(this.#picture);
    } else if (told.type === "away") this.#heard.away(String(told.why ?? ""));
    else if (told.type === "error") this.#heard.wrong(String(told.message ?? ""));
  }

  async #binary(buffer) {
    const head = header(buffer);
    if (!head || head.floor !== floorMark(this.#floor)) return this.#ask();
    if (head.kind === DELTA && !this.#follows(head)) return this.#ask();
    const bytes = await body(buffer);
    if (bytes.length !== head.cells) return this.#ask();
    if (head.kind === SNAPSHOT) {
      this.#cells = bytes;
      this.#again = false;
    } else for (let i = 0; i < bytes.length; i++) this.#cells[i] += bytes[i];
    this.#head = head;
    this.#heard.cells(this.#cells, head);
  }

  #follows(head) {
    const last = this.#head;
    return (
      last !== null &&
      head.number === last.number + 1 &&
      head.channel === last.channel &&
      head.past === last.past &&
      head.cells === last.cells
    );
  }

  /** Once until a snapshot comes: what is on its way does not fit either. */
  #ask() {
    if (this.#again) return;
    this.#again = true;
    this.send({ again: true });
  }
}
