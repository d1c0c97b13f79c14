"""`coldplate doctor`: what is there, what is not, and what to do about it."""

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.output import json_option, print_json, print_table

#: As `coldplate.console.checkup_part.PARTS`, which is imported when it is used.
PARTS = (
    "agent",
    "plant",
    "worker",
    "cluster-detector",
    "sink",
    "alerter",
    "web",
    "topics",
    "migrate",
)


@click.command()
@click.option("--part", type=click.Choice(PARTS), help="Only what this part needs where it runs, with its own configuration and rights: in its pod, or as its user.")  # fmt: skip
@json_option
@pass_context
def doctor(context: Context, part: str | None, as_json: bool) -> None:
    """Check dependencies, codec libraries, servers, ports, disk and clock; exit 1 when something is missing.

    With --part: configuration, Kafka and its topics as the part's user sees them, ClickHouse and its schema, how far the
    part's group is behind, room for what waits, and what the part itself says. Nothing is changed.
    """
    from dataclasses import asdict

    if part is None:
        from coldplate.console.checkup import checkup

        findings = checkup(context)
    else:
        from coldplate.console.checkup_part import checkup_of

        findings = checkup_of(context, part)
    ok = all(f.ok for f in findings)
    if as_json:
        print_json({"ok": ok, "checks": [asdict(f) for f in findings]})
    else:
        rows = [("ok" if f.ok else "MISSING", f.name, f.found, f.todo) for f in findings]
        print_table(("", "check", "found", "what to do"), rows)
    if not ok:
        raise click.exceptions.Exit(1)
