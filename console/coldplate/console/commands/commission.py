"""`coldplate commission`: a rack's acceptance; what is done with certificates and states is in commission_kept.py."""

from pathlib import Path
from typing import Any

import click

from coldplate.console.commands import commission_kept
from coldplate.console.context import Context, pass_context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.output import json_option, print_json, print_table

RACKS = "coldplate.commission.racks"


class _RacksOrCommand(click.Group):
    """Takes racks, with options before or after them; or, first of all, the name of a command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] in self.commands:
            return super().parse_args(ctx, args)
        ctx.allow_interspersed_args = True
        ctx.meta[RACKS] = tuple(click.Command.parse_args(self, ctx, args))
        ctx.args = []
        return []


@click.group(
    cls=_RacksOrCommand, invoke_without_command=True, subcommand_metavar="RACK... | COMMAND ..."
)
@click.option(
    "--steps",
    metavar="A,B",
    help="Repeat these steps alone, of a procedure that is over.  [default: all]",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="F.html",
    help="Write a page with pictures: one file that needs nothing else.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="F.json",
    help="Write the certificate there.  [default: RACK.cert.json in the folder of --keep]",
)
@click.option(
    "--hook",
    metavar="CMD",
    help="The site's command, called with load-half, load-full, load-steps, pump-stop, pump-start or restart, and the rack; hands are asked for the rest.",
)
@click.option(
    "--limits",
    "limits_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Limits of the site (TOML, [commission]).  [default: those of docs/bring-up.md]",
)
@click.option(
    "--sku",
    default="",
    metavar="NAME",
    help="Of the racks; its own limits in that file are on top.",
)
@click.option(
    "--found",
    "found_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="F.csv",
    help="Serials as the devices say them, an inventory's columns; without it the inventory is not measurable.",
)
@click.option(
    "--spans",
    "spans_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="F.json",
    help="When each phase was, of a procedure that others made; nothing is asked or waited for.",
)
@click.option(
    "--start",
    metavar="TIME",
    help="From when the seconds of --spans count: 2026-11-27T14:30:00Z, or -1h.",
)
@click.option("--who", metavar="NAME", help="Who makes it.  [default: this user]")
@click.option(
    "--yes",
    is_flag=True,
    help="Ask nobody; all that hands do is taken as done, and the certificate says so.",
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("commission"),
    show_default=True,
    metavar="DIR",
    help="Progress, certificates and the key lie here.",
)
@click.option(
    "--key",
    "key_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Sign with this Ed25519 key (PEM).  [default: a key made in the folder of --keep]",
)
@click.option(
    "--questions",
    is_flag=True,
    help="Ask through files in the folder of --keep, which `coldplate commission answer` answers, instead of at this terminal.",
)
@json_option
@pass_context
@click.pass_context
def commission(
    click_context: click.Context, context: Context, steps: str | None, report: Path | None, out: Path | None, hook: str | None,
    limits_file: Path | None, sku: str, found_file: Path | None, spans_file: Path | None, start: str | None,
    who: str | None, yes: bool, keep: Path, key_file: Path | None, questions: bool, as_json: bool,
) -> None:  # fmt: skip
    """Accept a RACK: watch it through its procedure, judge each step, sign a certificate.

    It goes on where it was broken off. Ends with 1 when a rack is not accepted whole. Each change of its state, and the
    certificate, are stored in history. A COMMAND stands first: see `coldplate commission COMMAND --help`.

    \b
    coldplate commission rack-0003 --report rack-0003.html
    coldplate commission rack-0003 --steps flow,plates
    coldplate commission verify rack-0003.cert.json --key site.pub
    """  # noqa: D301  \b is click's
    if click_context.invoked_subcommand is not None:
        return
    what = _racks(click_context)
    from coldplate.console.acting import person
    from coldplate.console.commission.asked import found_serials
    from coldplate.console.commission.hands import Technician
    from coldplate.console.commission.keeping import spans_of
    from coldplate.console.commission.limits import load_limits
    from coldplate.console.commission.side_by_side import Accepted, Order
    from coldplate.console.commission.side_by_side import commission as run
    from coldplate.console.job.page import check_target
    from coldplate.console.moments import moment

    if len(what) > 1 and (report or out):
        raise Failure("--report and --out are of one rack; certificates of several lie in the folder of --keep", BAD_INPUT)  # fmt: skip
    if report is not None:
        check_target(report)
    start_ms = None if start is None else round(moment(start, "--start").timestamp() * 1000)
    order = Order(
        what, person(who), keep, load_limits(limits_file, sku), sku, _steps(steps), Technician.words_of(hook), yes,
        found_serials(found_file), None if spans_file is None else spans_of(spans_file, start_ms), report, out, key_file,
        questions,
    )  # fmt: skip

    def tell(rack: str, outcome: Any) -> None:
        if not as_json:
            click.echo(f"{rack}  {outcome.step:<10} {outcome.result.value}")

    results = run(context, order, tell)
    accepted = [r for r in results if isinstance(r, Accepted)]
    failures = [r for r in results if isinstance(r, Failure)]
    if as_json:
        print_json({"racks": [a.figures() for a in accepted], "failures": [str(f) for f in failures]})  # fmt: skip
    else:
        for a in accepted:
            _show(a.told, str(a.certificate))
    if failures:
        raise Failure("; ".join(map(str, failures)), failures[0].exit_code)
    if any(a.told["verdict"] != "accepted" for a in accepted):
        click_context.exit(1)


def _racks(click_context: click.Context) -> tuple[str, ...]:
    """Those that were named."""
    what: tuple[str, ...] = click_context.meta.get(RACKS, ())
    if not what:
        raise click.UsageError("name a rack, or a command", click_context)
    if command := next((w for w in what if w in commission_kept.COMMANDS), None):
        raise Failure(f"{command} is a command and stands first: `coldplate commission {command}`", BAD_INPUT)  # fmt: skip
    return what


def _steps(names: str | None) -> Any:
    from coldplate.console.commission.order import BY_NAME, STEPS

    if names is None:
        return STEPS
    asked = [n.strip() for n in names.split(",") if n.strip()]
    if unknown := [n for n in asked if n not in BY_NAME] or (not asked and [names]):
        raise Failure(f"--steps: no step is called {unknown[0]!r}; there are {', '.join(BY_NAME)}", BAD_INPUT)  # fmt: skip
    return [BY_NAME[n] for n in asked]


def _show(told: dict[str, Any], path: str) -> None:
    click.echo(f"\n{told['rack']}: {told['told']}")
    if told["findings"]:
        rows = [(f["subject"], f["cause"], f["what"], f["do"]) for f in told["findings"]]
        print_table(("where", "cause", "what was seen", "what to do"), rows)
    click.echo(f"certificate: {path}")


for _command in commission_kept.COMMANDS.values():
    commission.add_command(_command)
