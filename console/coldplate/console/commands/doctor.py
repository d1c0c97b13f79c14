"""`coldplate doctor`: what is there, what is not, and what to do about it."""

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.output import json_option, print_json, print_table


@click.command()
@json_option
@pass_context
def doctor(context: Context, as_json: bool) -> None:
    """Check dependencies, codec libraries, servers, ports, disk and clock; exit 1 when something is missing."""
    from dataclasses import asdict

    from coldplate.console.checkup import checkup

    findings = checkup(context)
    ok = all(f.ok for f in findings)
    if as_json:
        print_json({"ok": ok, "checks": [asdict(f) for f in findings]})
    else:
        rows = [("ok" if f.ok else "MISSING", f.name, f.found, f.todo) for f in findings]
        print_table(("", "check", "found", "what to do"), rows)
    if not ok:
        raise click.exceptions.Exit(1)
