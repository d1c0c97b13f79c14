"""Words for the alerter's messages: the text of an incident, with the jobs on what it harms and the serial of what is guilty.

Jobs are looked up beforehand, every half minute and in a thread: a message waits for nobody. Without a history a message
names none.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping

from coldplate.sinks.webhooks.config import Links
from coldplate.sinks.webhooks.message import Text
from coldplate.sinks.webhooks.text import text_of
from coldplate.wire.incident import Incident
from coldplate.wire.inventory import Inventory

log = logging.getLogger(__name__)

LOOK_S, CLOSE_S = 30.0, 2.0
JOBS_MAX = 50

Jobs = Callable[[], Mapping[str, str]]
"""The job on each GPU now; may raise anything that says why it cannot."""


class Words:
    """Called with an incident, its labels and the time.

    Parameters
    ----------
    links
        Where runbooks and dashboards are.
    inventory
        For serials; None for none.
    jobs
        See `Jobs`; None where no history is named.
    """

    def __init__(self, links: Links, inventory: Inventory | None, jobs: Jobs | None) -> None:
        self._links, self._inventory, self._ask = links, inventory, jobs
        self._jobs: Mapping[str, str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="jobs", daemon=True)
        if jobs is not None:
            self._thread.start()

    def __call__(self, incident: Incident, labels: Mapping[str, str], now_ms: int) -> Text:
        """The text."""
        device = self._inventory.devices.get(incident.subject) if self._inventory else None
        jobs = Counter(
            job for i in (incident.subject, *incident.affected) if (job := self._jobs.get(i))
        )
        return text_of(
            incident, labels, now_ms, links=self._links, serial=device.serial if device else "",
            jobs=[job for job, _ in jobs.most_common(JOBS_MAX)],
        )  # fmt: skip

    def close(self) -> None:
        """Look no more."""
        self._stop.set()
        if self._ask is not None:
            self._thread.join(timeout=CLOSE_S)

    def _follow(self) -> None:
        said = ""
        while not self._stop.is_set():
            try:
                self._jobs = self._ask() if self._ask is not None else {}
                said = ""
            except Exception as error:  # noqa: BLE001  words are worth less than the message
                if not said:
                    log.warning("messages name no jobs: %s", error)
                said = str(error)
            self._stop.wait(LOOK_S)
