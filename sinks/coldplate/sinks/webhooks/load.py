"""The alerts' configuration from its file, checked as a whole: all that is wrong is said at once, each with its line.

Nothing is asked of the network, so that a file can be checked where it is written; files that it names are looked at.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from coldplate.sinks.webhooks.checks.address import address_faults
from coldplate.sinks.webhooks.checks.faults import Faults, meant
from coldplate.sinks.webhooks.checks.receivers import check_receiver
from coldplate.sinks.webhooks.checks.routes import check_reached, check_route
from coldplate.sinks.webhooks.checks.shape import made, tables, tags
from coldplate.sinks.webhooks.config import (
    Alerts,
    AnyReceiver,
    Email,
    Exec,
    Heartbeat,
    Links,
    PagerDuty,
    Route,
    Slack,
)
from coldplate.wire.toml_lines import TomlLines

KINDS = tags(AnyReceiver)
"""Kinds of receiver by their word."""

NO_HEARTBEAT = (PagerDuty, Slack, Email, Exec)
"""Would tell people once a minute that all is well, or act on it."""

NAME_MAX = 100
_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)")


class AlertsError(ValueError):
    """A configuration cannot be used.

    Parameters
    ----------
    faults
        All that is wrong, each with its place and what to do.
    warnings
        What is odd beside it.
    """

    def __init__(self, faults: Sequence[str], warnings: Sequence[str] = ()) -> None:
        super().__init__("\n".join(faults))
        self.faults, self.warnings = tuple(faults), tuple(warnings)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that can be used.

    Parameters
    ----------
    alerts
        What it says.
    base
        Folder from which its files are found.
    warnings
        What is probably not meant, each with its place.
    """

    alerts: Alerts
    base: Path
    warnings: tuple[str, ...]


def load(path: Path) -> Alerts:
    """The configuration of a file.

    Raises
    ------
    AlertsError
    """
    return loaded(path).alerts


def loaded(path: Path) -> Loaded:
    """The configuration of a file, with warnings.

    Raises
    ------
    AlertsError
    """
    try:
        text = path.read_text("utf-8")
        data = tomllib.loads(text)
    except OSError as error:
        raise AlertsError([f"{path}: {error.strerror}; name a file of alerts"]) from None
    except UnicodeDecodeError as error:
        raise AlertsError([f"{path}: {error}; save it as UTF-8"]) from None
    except tomllib.TOMLDecodeError as error:
        line = _AT_LINE.search(str(error))
        place = f"{path}:{line[1]}" if line else str(path)
        words = _AT_LINE.sub("", str(error))
        raise AlertsError([f"{place}: {words}; what is read is TOML"]) from None
    faults = Faults(path, TomlLines(text))
    alerts = _File(path.parent, faults).alerts(data)
    if faults.faults:
        raise AlertsError(faults.faults, faults.warnings)
    return Loaded(alerts, path.parent, faults.warnings)


class _File:
    """A file while it is read."""

    def __init__(self, base: Path, faults: Faults) -> None:
        self._base, self._faults = base, faults
        self._names: list[str] = []
        self._used: set[str] = set()
        self._kinds: dict[str, type] = {}

    def alerts(self, data: dict[str, Any]) -> Alerts:
        """What can be had of it; the faults say whether that may be used."""
        parts = Alerts.__struct_fields__
        for key in data:
            if key not in parts:
                self._faults.fault(f"there is no {key!r}; {meant(key, parts)}", key, 0)
        receivers = [
            self._receiver(i, table)
            for i, table in enumerate(tables(data, "receivers", self._faults))
        ]
        routes = self._routes(tables(data, "routes", self._faults))
        heartbeat = self._heartbeat(data.get("heartbeat", {}))
        links = self._links(data.get("links", {}))
        self._check_used()
        return Alerts(
            receivers=tuple(r for r in receivers if r is not None), routes=routes,
            heartbeat=heartbeat, links=links,
        )  # fmt: skip

    def _receiver(self, number: int, table: dict[str, Any]) -> AnyReceiver | None:
        at, name = ("receivers", number), table.get("name")
        what = f"receiver {name!r}" if isinstance(name, str) else "a receiver"
        if isinstance(name, str):
            self._check_name(what, name, self._names, *at)
        word = table.get("kind")
        if not isinstance(word, str) or word not in KINDS:
            told = f"there is no kind {word!r}" if "kind" in table else "it lacks kind"
            hint = meant(word if isinstance(word, str) else "", KINDS)
            self._faults.fault(f"{what}: {told}; {hint}", *at, "kind")
            return None
        if isinstance(name, str):
            self._kinds[name] = KINDS[word]
        rest = {key: value for key, value in table.items() if key != "kind"}
        struct = made(KINDS[word], f"{what} ({word})", rest, self._faults, *at)
        receiver = cast("AnyReceiver | None", struct)
        if receiver is not None:
            check_receiver(receiver, self._base, self._faults.of(what), *at)
        return receiver

    def _routes(self, given: list[dict[str, Any]]) -> tuple[Route, ...]:
        out, names = list[tuple[int, Route]](), list[str]()
        for number, table in enumerate(given):
            at, name = ("routes", number), table.get("name")
            what = f"route {name!r}" if isinstance(name, str) else "a route"
            if isinstance(name, str):
                self._check_name(what, name, names, *at)
            route = made(Route, what, table, self._faults, *at)
            if route is None:
                # Who is meant is known all the same.
                to = table.get("to", ())
                self._used |= (
                    {n for n in to if isinstance(n, str)} if isinstance(to, list) else set()
                )
                continue
            about = self._faults.of(what)
            check_route(route, about, *at)
            self._check_to(route.to, about, *at)
            keyed = [name for name in route.to if self._kinds.get(name) is PagerDuty]
            if route.group_by and keyed:
                about.fault(
                    f"group_by: {keyed[0]!r} is PagerDuty, which takes incidents one by one; leave group_by out, or"
                    " give it a route of its own",
                    *at, "group_by",
                )  # fmt: skip
            out.append((number, route))
        check_reached(out, self._faults)
        return tuple(route for _, route in out)

    def _heartbeat(self, table: Any) -> Heartbeat:
        beat = made(Heartbeat, "heartbeat", table, self._faults, "heartbeat") or Heartbeat()
        about = self._faults.of("heartbeat")
        self._check_to(beat.to, about, "heartbeat")
        for name in beat.to:
            if issubclass(kind := self._kinds.get(name, object), NO_HEARTBEAT):
                word = next(word for word, known in KINDS.items() if known is kind)
                about.fault(
                    f"to: {name!r} is of the kind {word}, which would tell somebody each time that all is well;"
                    " name one that misses a call that does not come",
                    "heartbeat", "to",
                )  # fmt: skip
        return beat

    def _links(self, table: Any) -> Links:
        links = made(Links, "links", table, self._faults, "links") or Links()
        for key in Links.__struct_fields__:
            if url := getattr(links, key):
                # People follow them: within the site, and with what their browser knows of them.
                for words in address_faults(url, allow_http=True, allow_private=True):
                    self._faults.fault(f"links: {key} {words}", "links", key)
        return links

    def _check_name(self, what: str, name: str, before: list[str], *at: str | int) -> None:
        """A name stands in logs, in labels, and in what people type."""
        if not name.strip() or not name.isprintable() or len(name) > NAME_MAX:
            self._faults.fault(
                f"{what}: a name is 1 to {NAME_MAX} characters in one line", *at, "name"
            )
        elif name in before:
            self._faults.fault(f"{what} stands twice; give each a name of its own", *at, "name")
        before.append(name)

    def _check_to(self, to: tuple[str, ...], about: Faults, *at: str | int) -> None:
        self._used |= set(to)
        for name in dict.fromkeys(to):
            if name not in self._names:
                about.fault(
                    f"to: there is no receiver {name!r}; {meant(name, self._names)}", *at, "to"
                )
            if to.count(name) > 1:
                about.warn(f"to: {name!r} stands twice, and is told once; leave one out", *at, "to")

    def _check_used(self) -> None:
        for number, name in enumerate(self._names):
            if name not in self._used:
                self._faults.warn(
                    f"receiver {name!r} is told nothing: no route and no heartbeat names it; put it into a route's to",
                    "receivers", number,
                )  # fmt: skip
