"""A part's counts: into a file for whoever started it, and onto a page for whoever asks."""

import logging
import time
from collections.abc import Mapping
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from coldplate.agents.local.exposition import OPENMETRICS, TEXT, render, wants_openmetrics
from coldplate.agents.local.server import Answer, LocalServer
from coldplate.console.running import write_stats
from coldplate.console.serving import certificate
from coldplate.console.vitals.options import Local
from coldplate.console.vitals.page import families, healthz, readyz
from coldplate.console.vitals.told import PARTS

log = logging.getLogger(__name__)

SECTIONS = {
    "worker": "worker", "cluster-detector": "cluster_detector", "sink": "sink", "alerter": "alerts",
}  # fmt: skip
"""Of the configuration, by part."""


class Vitals:
    """Takes a part's counts once a second, until it is closed.

    Parameters
    ----------
    part
        `worker`, `sink` or `alerter`.
    options
        Where it tells; a port that cannot be had is no reason not to work.
    stats
        File that gets the counts too; None writes none.
    reloads
        How often a configuration was taken and refused, see `coldplate.console.reloading`.
    """

    def __init__(
        self, part: str, options: Local, stats: str | None = None,
        reloads: Mapping[str, int] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        self._part, self._stats = part, Path(stats) if stats else None
        self._reloads = reloads
        self._counts: Mapping[str, Any] | None = None
        self._taken_s = time.monotonic()
        self.server = self._serve(options) if options.port else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _t: type[BaseException] | None, _e: BaseException | None, _b: TracebackType | None
    ) -> None:
        self.close()

    def take(self, counts: dict[str, Any]) -> None:
        """The counts as they are now."""
        self._counts, self._taken_s = counts, time.monotonic()
        if self._stats is not None:
            write_stats(self._stats, counts)

    def close(self) -> None:
        """Tell nothing any more."""
        if self.server is not None:
            self.server.close()

    def answer(self, path: str, accept: str) -> Answer | None:
        """What is said under a path."""
        counts, age_s = self._counts, time.monotonic() - self._taken_s
        if path == "/metrics":
            openmetrics = wants_openmetrics(accept)
            page = families(
                self._part, version("coldplate"), PARTS[self._part], counts or {}, age_s,
                self._reloads,
            )  # fmt: skip
            return Answer(HTTPStatus.OK, OPENMETRICS if openmetrics else TEXT, render(page, openmetrics=openmetrics))  # fmt: skip
        if path == "/healthz":
            # Before the first counts it reads what was before, which may take longer than standing still may.
            return healthz(self._part, counts or {}, 0.0 if counts is None else age_s)
        if path == "/readyz":
            return readyz(self._part, counts, age_s)
        return None

    def _serve(self, options: Local) -> LocalServer | None:
        try:
            return LocalServer(
                options.address, options.port, self.answer,
                connections_max=options.connections_max,
                certificate=certificate(options, f"{SECTIONS[self._part]}.local"),
            )  # fmt: skip
        except OSError as error:
            log.warning(
                "/metrics and /healthz are not offered: %s port %d cannot be had (%s); another port, or 0 for none,"
                " is set in the configuration",
                options.address, options.port, error.strerror or error,
            )  # fmt: skip
            return None
