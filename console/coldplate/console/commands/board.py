"""`coldplate board`: a hall's bring-up as it goes, what hands say of it, and its first training phase."""

from pathlib import Path

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.output import json_option, print_json

_site = click.option("--site", "site_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE", help="The site's plan (TOML, [plan]).  [default: `site` of the configuration, or the estimates of docs/board.md]")  # fmt: skip
_every = click.option("--every", default="1s", show_default=True, metavar="TIME", help="From one look to the next: 1s, 500ms, 2m.")  # fmt: skip
_once = click.option("--once", is_flag=True, help="Print one picture as text, and stop.")


@click.group(invoke_without_command=True)
@_site
@_every
@_once
@json_option
@pass_context
def board(context: Context, site_file: Path | None, every: str, once: bool, as_json: bool) -> None:
    """Watch a hall's bring-up: racks by state, queues, held racks, GPUs usable now, forecast of the finish.

    Says whether the first training phase is ready, with how many GPUs, and when the next will be. Needs the history
    alone (the reader's ClickHouse). `q` ends.

    \b
    coldplate board --site site.toml
    coldplate board --json
    coldplate board set rack-0003 rack-0004 cabled
    """  # noqa: D301  \b is click's
    if click.get_current_context().invoked_subcommand is not None:
        return
    from coldplate.console.bringup.plan import load_plan, site_of
    from coldplate.console.bringup.run import run
    from coldplate.console.live.span import seconds

    plan = load_plan(site_of(context, site_file))
    run(context, plan, seconds(every), once=once, as_json=as_json)


@board.command("set")
@click.argument("words", nargs=-1, metavar="[RACK]... [STATE]")
@click.option("--file", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="F.csv", help="Many at once: columns rack, state and, where wanted, cause, who, at.")  # fmt: skip
@click.option("--cause", default="", help="Why it is held; best a word of docs/bring-up.md, as coupling.")  # fmt: skip
@click.option("--who", help="Who says so. Default: this machine's user.")
@click.option("--at", metavar="TIME", help="When it came to that state: 2026-11-27T14:30:00Z, or -2h.  [default: now]")  # fmt: skip
@json_option
@pass_context
def set_(
    context: Context, words: tuple[str, ...], file: Path | None, cause: str, who: str | None, at: str | None, as_json: bool
) -> None:  # fmt: skip
    """Write down that RACKs came to STATE: delivered, cabled, filled, flushed, tight, ... or held, in-training.

    Accepted is what `coldplate commission` says: here a rack can only come back to it. All is written, or nothing.

    \b
    coldplate board set rack-0003 rack-0004 cabled
    coldplate board set rack-0005 held --cause leak
    coldplate board set --file shift.csv
    """  # noqa: D301  \b is click's
    from coldplate.console.bringup.setting import of_file, of_words, write
    from coldplate.console.failure import BAD_INPUT, Failure

    if file is not None and words:
        raise Failure("name racks, or a file with --file, not both", BAD_INPUT)
    told = of_words(words, cause, who, at) if file is None else of_file(file, cause, who, at)
    write(context, told)
    if as_json:
        print_json({"written": len(told), "racks": [{"rack": t.rack, "state": t.state} for t in told]})  # fmt: skip
        return
    states = {t.state: [r.rack for r in told if r.state == t.state] for t in told}
    for state, racks in states.items():
        named = ", ".join(racks[:5]) + (f" and {len(racks) - 5} more" if len(racks) > 5 else "")
        click.echo(f"{state}: {named}")


@board.command()
@click.argument("job")
@_site
@click.option("--every", default="5s", show_default=True, metavar="TIME", help="From one look to the next: 1s, 500ms, 2m.")  # fmt: skip
@_once
@click.option("--at", metavar="TIME", help="As it was then, once: 2026-11-27T14:30:00Z, or -6h.")
@json_option
@pass_context
def phase(
    context: Context, job: str, site_file: Path | None, every: str, once: bool, at: str | None, as_json: bool
) -> None:  # fmt: skip
    """Watch the training phase JOB from its first minute: ramp, oscillation, warmest racks, failures against the usual rate.

    Says what goes wrong as soon as it does. With --once, --at or --json it ends with 1 where something does.

    \b
    coldplate board phase 4711
    coldplate board phase 4711 --at "2026-11-27 14:30" --json
    """  # noqa: D301  \b is click's
    from coldplate.console.bringup.phase_run import run
    from coldplate.console.bringup.plan import load_plan, site_of
    from coldplate.console.live.span import seconds
    from coldplate.console.moments import moment

    at_ms = None if at is None else round(moment(at, "--at").timestamp() * 1000)
    if not run(context, load_plan(site_of(context, site_file)), job, seconds(every), at_ms, once=once, as_json=as_json):  # fmt: skip
        click.get_current_context().exit(1)
