"""Commands of `coldplate commission` about what is there already: certificates, states of racks, questions to hands."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.output import json_option, print_json, print_table

F = TypeVar("F", bound=Callable[..., Any])

COLUMNS = ("rack", "state", "step", "cause", "verdict", "held", "gpus", "since", "who")
_LIST = """
SELECT rack, state, step, cause, verdict, length(held) AS held, gpus, t AS since, who FROM rack_state
WHERE {where} ORDER BY rack
"""
_SHOW = """
SELECT t, state, step, cause, verdict, length(held) AS held, gpus, who, certificate != '' AS certificate
FROM commissions FINAL WHERE rack = %(rack)s ORDER BY t
"""


def keep_option(command: F) -> F:
    """Where an acceptance keeps its files."""
    return click.option(
        "--keep", type=click.Path(file_okay=False, path_type=Path), default=Path("commission"), show_default=True,
        metavar="DIR", help="The folder that was told to `coldplate commission RACK`.",
    )(command)  # fmt: skip


def key_option(command: F) -> F:
    """Whose signature is trusted."""
    return click.option(
        "--key", "key_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
        help="The public Ed25519 key that must have signed (PEM or base64).",
    )(command)  # fmt: skip


@click.command()
@click.argument("files", nargs=-1, metavar="FILE")
@key_option
@json_option
def verify(files: tuple[str, ...], key_file: Path | None, as_json: bool) -> None:
    """Check that a certificate is what was signed.

    Ends with 1 when it is not. Without --key it is known only that nothing was changed since, by whomever it was signed.
    """
    from coldplate.console.commission.certificate import verify as check
    from coldplate.console.commission.signing import read_public

    if len(files) != 1:
        raise Failure("verify: name one certificate", BAD_INPUT)
    told = check(Path(files[0]), None if key_file is None else read_public(key_file))
    known = key_file is not None
    if as_json:
        print_json({"genuine": True, "key": told["key"], "key_known": known, "rack": told["rack"], "verdict": told["verdict"]})  # fmt: skip
        return
    by = (
        "the key you named"
        if known
        else f"key {told['key']}, which nobody vouches for: name the one you trust with --key"
    )
    click.echo(f"{files[0]}: genuine, {told['rack']} {told['told']}, signed by {by}")


@click.command("list")
@click.option("--state", metavar="NAME", help="Of this state alone.")
@json_option
@pass_context
def list_(context: Context, state: str | None, as_json: bool) -> None:
    """List the racks that history knows a state of."""
    from coldplate.console.asking import ask
    from coldplate.console.bringup.states import STATES

    if state is not None and state not in STATES:
        raise Failure(f"no state is called {state!r}; there are {', '.join(STATES)}", BAD_INPUT)
    where = "1" if state is None else "state = %(state)s"
    _, rows = ask(context, _LIST.format(where=where), {"state": state})
    if as_json:
        print_json({"racks": [dict(zip(COLUMNS, row, strict=True)) for row in rows]})
    else:
        print_table(COLUMNS, rows)


@click.command()
@click.argument("rack")
@json_option
@pass_context
def show(context: Context, rack: str, as_json: bool) -> None:
    """Show how a RACK got here, and its newest certificate."""
    from coldplate.console.commission.asked import LIMITS
    from coldplate.console.commission.earlier import newest
    from coldplate.console.querying import Asking

    asking = Asking(context, limits=LIMITS)
    try:
        found = asking.query(_SHOW, {"rack": rack})
        certificates = newest(asking, rack)
    finally:
        asking.close()
    if not found.rows:
        raise Failure(f"history knows no change of {rack}; `coldplate commission list` has those that it knows", BAD_INPUT)  # fmt: skip
    told = certificates[0] if certificates else None
    if as_json:
        changes = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
        print_json({"rack": rack, "changes": [c | {"certificate": bool(c["certificate"])} for c in changes], "certificate": told})  # fmt: skip
        return
    print_table(found.columns, found.rows)
    if told is not None:
        click.echo(f"{rack}: {told['told']}, by {told['made_by']}, {told['ended_at']}")
        if told["findings"]:
            print_table(("where", "cause", "what to do"), [(f["subject"], f["cause"], f["do"]) for f in told["findings"]])  # fmt: skip


@click.command()
@click.argument("what", nargs=-1, metavar="RACK | BEFORE.json AFTER.json")
@key_option
@json_option
@pass_context
def compare(context: Context, what: tuple[str, ...], key_file: Path | None, as_json: bool) -> None:
    """Set two certificates side by side.

    A RACK's two newest in history, or two files. R of each GPU, flow and share of each node, approach, filter, both pumps' heads, before and after, and what changed in
    the verdict. Files are verified first.
    """
    from coldplate.console.commission.asked import LIMITS
    from coldplate.console.commission.certificate import verify as check
    from coldplate.console.commission.comparing import compare as side_by_side
    from coldplate.console.commission.comparing import in_words, lines
    from coldplate.console.commission.earlier import newest
    from coldplate.console.commission.signing import read_public
    from coldplate.console.querying import Asking

    if len(what) == 2:
        key = None if key_file is None else read_public(key_file)
        before, after = (check(Path(path), key) for path in what)
    elif len(what) == 1:
        asking = Asking(context, limits=LIMITS)
        try:
            found = newest(asking, what[0], 2)
        finally:
            asking.close()
        if len(found) < 2:
            raise Failure(f"history has {len(found)} certificates of {what[0]}; two are compared", BAD_INPUT)  # fmt: skip
        after, before = found
    else:
        raise Failure("compare: name a rack, or two certificates", BAD_INPUT)
    compared = side_by_side(before, after)
    if as_json:
        print_json(compared)
        return
    for sentence in in_words(compared):
        click.echo(f"{compared['rack']}: {sentence}")
    columns = (
        "where",
        "what",
        *(f"{w} {compared[w]['ended_at'][:16]}" for w in ("before", "after")),
        "difference",
    )
    print_table(columns, lines(compared))


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="[FILE]...")  # fmt: skip
@keep_option
@key_option
@json_option
@pass_context
def store(
    context: Context, files: tuple[Path, ...], keep: Path, key_file: Path | None, as_json: bool
) -> None:
    """Store certificates in history.

    Without FILE all that history did not take before. The same certificate stored twice is one. Files are verified first.
    """
    from coldplate.console.asking import history_errors
    from coldplate.console.commission.signing import read_public
    from coldplate.console.commission.storing import store_certificates, store_unsent
    from coldplate.sinks.client import Client

    key = None if key_file is None else read_public(key_file)
    with history_errors(), Client(context.clickhouse("writer")) as client:
        stored = store_certificates(client, files, key) if files else store_unsent(client, keep)
    if as_json:
        print_json({"stored": stored.rows, "racks": stored.racks, "busy": stored.busy})
        return
    click.echo(f"{stored.rows} changes of {len(stored.racks)} racks stored")
    if stored.busy:
        click.echo(f"left to their procedures, which run: {', '.join(stored.busy)}")


@click.command()
@click.argument("state")
@click.argument("racks", nargs=-1, required=True, metavar="RACK...")
@click.option("--cause", default="", metavar="WORD", help="Why it is held: a cause of docs/bring-up.md, or a word of your own.")  # fmt: skip
@click.option("--at", "at", default="now", show_default=True, metavar="TIME", help="When: 2026-11-27T14:30:00Z, or -1h.")  # fmt: skip
@click.option("--who", metavar="NAME", help="Who says so.  [default: this user]")
@json_option
@pass_context
def mark(
    context: Context, state: str, racks: tuple[str, ...], cause: str, at: str, who: str | None, as_json: bool
) -> None:  # fmt: skip
    """Tell history that RACKs came to a STATE.

    Those that no procedure sees: planned, delivered, cabled, filled, flushed, in-training; or held, with a cause. The racks are those of the inventory in history.
    """
    from coldplate.console.acting import person
    from coldplate.console.asking import history_errors
    from coldplate.console.commission.books import insert
    from coldplate.console.commission.changes import by_hand
    from coldplate.console.commission.storing import gpus_of
    from coldplate.console.moments import moment
    from coldplate.sinks.client import Client

    t_ms = round(moment(at, "--at").timestamp() * 1000)
    by_hand("", state, cause, 0, "", t_ms)
    with history_errors(), Client(context.clickhouse("writer")) as client:
        known = gpus_of(client, racks)
        if unknown := [r for r in racks if r not in known]:
            raise Failure(f"the inventory in history has no rack {unknown[0]!r}; `coldplate inventory show` lists it", BAD_INPUT)  # fmt: skip
        rows = [by_hand(r, state, cause, known[r], person(who), t_ms) for r in racks]
        insert(client, rows)
    if as_json:
        print_json({"state": state, "racks": list(racks), "at": moment(at, "--at"), "who": rows[0].who})  # fmt: skip
    else:
        click.echo(f"{state}: {', '.join(racks)}")


@click.command()
@click.argument("racks", nargs=-1, metavar="[RACK]...")
@keep_option
@click.option("--who", metavar="NAME", help="Who has done it.  [default: this user]")
@json_option
def answer(racks: tuple[str, ...], keep: Path, who: str | None, as_json: bool) -> None:
    """Say that what a RACK waits for is done.

    Without a RACK, list what racks wait for. Of procedures that were started with --questions. Who and when stand in the certificate.
    """
    from coldplate.console.acting import person
    from coldplate.console.commission.questions import answer as give
    from coldplate.console.commission.questions import open_questions

    if racks:
        by = person(who)
        answered = [give(keep, rack, by) for rack in racks]
        if as_json:
            print_json({"answered": [{"rack": q.rack, "words": q.words} for q in answered], "who": by})  # fmt: skip
            return
        for q in answered:
            click.echo(f"{q.rack}: {q.words}: done, {by}")
        return
    waiting = open_questions(keep)
    if as_json:
        print_json({"waiting": [{"rack": q.rack, "words": q.words, "since": q.since} for q in waiting]})  # fmt: skip
    else:
        print_table(("rack", "what it waits for", "since"), [(q.rack, q.words, q.since) for q in waiting])  # fmt: skip


COMMANDS: dict[str, click.Command] = {
    str(c.name): c for c in (verify, list_, show, compare, store, mark, answer)
}
