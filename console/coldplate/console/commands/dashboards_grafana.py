"""`coldplate dashboards push | diff | pull | provision`: brings what is code to a Grafana, and back."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from coldplate.console.failure import BAD_INPUT, NOT_THERE, Failure
from coldplate.console.output import json_option, print_json

if TYPE_CHECKING:
    from coldplate.dashboards.drift import Found
    from coldplate.dashboards.errors import GrafanaError
    from coldplate.dashboards.grafana import Grafana
    from coldplate.dashboards.source import Source

F = TypeVar("F", bound=Callable[..., Any])
FILE = click.Path(dir_okay=False, path_type=Path)
UID = re.compile(r"[A-Za-z0-9_-]{1,40}")


def _reaching(command: F) -> F:
    """The options that say which Grafana, and as whom."""
    for option in reversed((
        click.option("--url", required=True, metavar="URL", help="Of Grafana: https://host[:port][/path]."),
        click.option("--token-file", type=FILE, metavar="FILE", help="Holds the token of a service account."),
        click.option("--user", default="", metavar="NAME", help="Log in by name, instead of a token."),
        click.option("--password-file", type=FILE, metavar="FILE", help="Holds that user's password."),
        click.option("--ca-file", default="", metavar="FILE", help="Certificates in PEM to trust instead of the well-known ones."),
        click.option("--allow-http", is_flag=True, help="Take http too: everybody on the way can read the token."),
        click.option("--timeout", "timeout_s", default=10.0, show_default=True, metavar="SECONDS", help="For an answer."),
    )):  # fmt: skip
        command = option(command)
    return command


def _source_options(command: F) -> F:
    """The options that say how Grafana reaches the history."""
    for option in reversed((
        click.option("--clickhouse-url", default="", metavar="URL", help="The history as Grafana sees it: clickhouse://user@host:port/database[?secure=1]."),
        click.option("--datasource-name", default="coldplate", show_default=True, metavar="NAME", help="Of the data source that is made."),
        click.option("--folder", default="coldplate", show_default=True, metavar="TITLE", help="Of the folder, where it must be made."),
    )):  # fmt: skip
        command = option(command)
    return command


@click.command()
@_reaching
@_source_options
@click.option("--clickhouse-password-file", type=FILE, metavar="FILE", help="Holds that user's password.")  # fmt: skip
@click.option("--datasource-uid", default="", metavar="UID", help="Use this data source of Grafana's instead of making one.")  # fmt: skip
@click.option("--new-password", is_flag=True, help="ClickHouse's password is a new one: write the data source, although nobody can see that it differs.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace what somebody changed in Grafana.")
@json_option
def push(
    clickhouse_url: str, clickhouse_password_file: Path | None, datasource_name: str, datasource_uid: str, folder: str,
    new_password: bool, overwrite: bool, as_json: bool, **reach: Any,
) -> None:  # fmt: skip
    """Write folder, data source and dashboards where they differ; what somebody changed stays.

    Exit 1 when something was not written, 2 for a wrong address or token, 3 when Grafana is not there.
    """
    from importlib.metadata import version

    from coldplate.dashboards.pushing import Wanted
    from coldplate.dashboards.pushing import push as pushed

    if bool(clickhouse_url) and bool(datasource_uid):
        raise click.UsageError("--clickhouse-url makes a data source, --datasource-uid uses one: give one of them")  # fmt: skip
    if not clickhouse_url and (clickhouse_password_file or new_password):
        raise click.UsageError("a password of ClickHouse needs --clickhouse-url")
    if new_password and not clickhouse_password_file:
        raise click.UsageError("--new-password needs --clickhouse-password-file")
    source = None
    if clickhouse_url:
        password = _secret(clickhouse_password_file)
        source = _source(clickhouse_url, datasource_name, password)
    with _grafana(**reach) as grafana:
        done = pushed(grafana, Wanted(
            _models(), version("coldplate"), source, datasource_uid, folder, overwrite, new_password,
        ))  # fmt: skip
    result = {
        "grafana": grafana.where, "created": done.created, "updated": done.updated, "unchanged": done.unchanged,
        "failed": [{"what": f.what, "why": f.why} for f in done.failed],
    }  # fmt: skip
    if as_json:
        print_json(result)
    else:
        for how in ("created", "updated", "unchanged"):
            for what in result[how]:
                click.echo(f"{how}: {what}")
    if done.failed:
        errors = [f.error for f in done.failed if f.error]
        words = "\n".join(f"{f.what}: {f.why}" for f in done.failed)
        raise Failure(words, _code(errors))


@click.command()
@_reaching
@click.option("--lines", "lines_max", default=40, show_default=True, type=click.IntRange(0, 100_000), metavar="N", help="Of each dashboard's difference.")  # fmt: skip
@json_option
def diff(lines_max: int, as_json: bool, **reach: Any) -> None:
    """Show what differs between Grafana's dashboards and ours; exit 1 when anything does."""
    from coldplate.dashboards.drift import State
    from coldplate.dashboards.pushing import look

    with _grafana(**reach) as grafana, _grafana_errors():
        found = look(grafana, _models())
    differ = [f for f in found if f.state is not State.SAME]
    if as_json:
        print_json({
            "grafana": grafana.where, "different": len(differ),
            "dashboards": [_shown(f, lines_max) for f in found],
        })  # fmt: skip
    else:
        for f in found:
            click.echo(f"{f.uid}: {_words(f)}")
            for row in f.lines(lines_max):
                click.echo(f"  {row}")
    if differ:
        raise Failure(f"{len(differ)} of {len(found)} dashboards differ")


@click.command()
@_reaching
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@json_option
def pull(folder: Path, as_json: bool, **reach: Any) -> None:
    """Write every dashboard of Grafana's folder `coldplate` into DIR, one JSON file each."""
    from coldplate.console.stack.atomic import write_atomically
    from coldplate.dashboards.board import FOLDER_UID

    with _grafana(**reach) as grafana, _grafana_errors():
        if grafana.folder(FOLDER_UID) is None:
            raise Failure(f"{grafana.where} has no folder with the uid {FOLDER_UID}")
        uids = grafana.dashboards_in(FOLDER_UID)
        # A uid becomes a file's name, and a stranger chose it.
        if odd := [uid for uid in uids if not UID.fullmatch(str(uid))]:
            raise Failure(f"Grafana tells a uid that is none: {odd[0]!r}")
        answers = {uid: grafana.dashboard(uid) for uid in uids}
    texts = {
        f"{uid}.json": json.dumps({**answer["dashboard"], "id": None}, indent=1, ensure_ascii=False) + "\n"
        for uid, answer in sorted(answers.items())
        if answer is not None
    }  # fmt: skip
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            write_atomically(folder / name, text, mode=0o644)
    except OSError as error:
        raise Failure(f"{folder}: {error.strerror}", BAD_INPUT) from None
    if as_json:
        print_json({"grafana": grafana.where, "folder": str(folder), "files": list(texts)})
    else:
        click.echo(f"{len(texts)} dashboards in {folder}")


@click.command()
@_source_options
@click.argument("out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option("--configmaps", "as_configmaps", is_flag=True, help="Kubernetes ConfigMaps for the sidecars of Grafana's chart.")  # fmt: skip
@click.option("--path", "mounted", default="/etc/grafana/provisioning/dashboards/coldplate", show_default=True, metavar="DIR", help="Where Grafana will find the dashboards; not for ConfigMaps.")  # fmt: skip
@json_option
def provision(
    out: Path, clickhouse_url: str, datasource_name: str, folder: str, as_configmaps: bool, mounted: str, as_json: bool
) -> None:  # fmt: skip
    """Write the files from which a Grafana provisions itself: data source, provider, dashboards.

    No password is in them: Grafana takes it from COLDPLATE_CLICKHOUSE_PASSWORD in its environment.
    """
    from coldplate.console.stack.atomic import write_atomically
    from coldplate.dashboards.provisioning import configmaps, files

    if not clickhouse_url:
        raise click.UsageError("--clickhouse-url is needed: how Grafana reaches the history")
    source = _source(clickhouse_url, datasource_name, "")
    try:
        made = configmaps(_models(), source, folder) if as_configmaps else files(_models(), source, folder, mounted)  # fmt: skip
        for name, text in made.items():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(out / name, text, mode=0o644)
    except OSError as error:
        raise Failure(f"{out}: {error.strerror}", BAD_INPUT) from None
    except ValueError as error:
        raise Failure(str(error)) from None
    if as_json:
        print_json({"folder": str(out), "files": list(made)})
    else:
        click.echo(f"{len(made)} files in {out}")


@contextmanager
def _grafana_errors() -> Iterator[None]:
    """What Grafana does not do becomes a `Failure`."""
    from coldplate.dashboards.errors import GrafanaError

    try:
        yield
    except GrafanaError as error:
        raise Failure(str(error), _code([error])) from None


def _models() -> list[dict[str, Any]]:
    from coldplate.dashboards.catalogue import all_boards

    return [board.model() for board in all_boards()]


def _grafana(url: str, token_file: Path | None, user: str, password_file: Path | None, **more: Any) -> "Grafana":  # fmt: skip
    from coldplate.dashboards.access import Access
    from coldplate.dashboards.grafana import Grafana

    if bool(token_file) == bool(user):
        raise click.UsageError("one of --token-file, or --user with --password-file, is needed")
    if bool(user) != bool(password_file):
        raise click.UsageError("--user and --password-file belong together")
    token, password = _secret(token_file), _secret(password_file)
    for file, value in ((token_file, token), (password_file, password)):
        if file and not value:
            raise Failure(f"secret file {file}: it is empty", BAD_INPUT)
    try:
        return Grafana(Access(url, token, user, password, **more))
    except ValueError as error:
        raise Failure(f"Grafana: {error}", BAD_INPUT) from None


def _secret(file: Path | None) -> str:
    from coldplate.console.config import secret

    return secret(str(file)) if file else ""


def _source(url: str, name: str, password: str) -> "Source":
    from coldplate.dashboards.source import Source
    from coldplate.sinks.settings import ClickHouseSettings

    try:
        s = ClickHouseSettings.from_url(url)
    except ValueError as error:
        raise Failure(f"--clickhouse-url: {error}", BAD_INPUT) from None
    if s.password:
        raise Failure("--clickhouse-url holds a password, which others see; name a file with it by --clickhouse-password-file", BAD_INPUT)  # fmt: skip
    if s.ca_file:
        raise Failure("--clickhouse-url: Grafana has certificates of its own, ca_file is not for it", BAD_INPUT)  # fmt: skip
    return Source(name, s.host, s.port, s.database, s.user, password, s.secure)


def _code(errors: "Sequence[GrafanaError]") -> int:
    if any(error.stranger for error in errors):
        return BAD_INPUT
    return NOT_THERE if any(error.away for error in errors) else 1


def _words(found: "Found") -> str:
    if found.state == "changed":
        return f"changed by {found.by} at {found.at} (version {found.version})"
    if found.state == "elsewhere":
        return f"in the folder {found.folder or 'General'!r}"
    return {"behind": "not pushed yet as it is now"}.get(found.state, str(found.state))


def _shown(found: "Found", lines_max: int) -> dict[str, Any]:
    there = found.theirs is not None
    return {
        "uid": found.uid, "state": str(found.state), "version": found.version if there else None,
        "by": found.by or None, "at": found.at or None, "diff": found.lines(lines_max),
    }  # fmt: skip
