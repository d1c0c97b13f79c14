"""A stand-in of Grafana with what a push needs, ready made."""

from dashboards.stand_in import TOKEN

from coldplate.dashboards.access import Access
from coldplate.dashboards.catalogue import all_boards
from coldplate.dashboards.grafana import Grafana
from coldplate.dashboards.pushing import Wanted, push
from coldplate.dashboards.source import Source

MODELS = [board.model() for board in all_boards()]
UIDS = [model["uid"] for model in MODELS]
NAMES = [f"dashboard {uid}" for uid in UIDS]
FIRST = UIDS[0]
CLICKHOUSE_PASSWORD = "cl1ckh0use-s3cr3t"
SOURCE = Source("coldplate", "clickhouse", 9000, "coldplate", "reader", CLICKHOUSE_PASSWORD)


class Site:
    """A Grafana, and what waits between attempts: it only writes down how long."""

    def __init__(self, stand_in):
        self.stand_in, self.waits_s = stand_in, []

    def grafana(self, token=TOKEN, **more):
        access = {"url": self.stand_in.url, "token": token, "timeout_s": 5.0} | more
        return Grafana(Access(**access), self.waits_s.append)

    def push(self, token=TOKEN, reach=None, **wanted):
        given = {"models": MODELS, "version": "1.0", "source": SOURCE} | wanted
        with self.grafana(token, **(reach or {})) as grafana:
            return push(grafana, Wanted(**given))

    def failed(self, token=TOKEN, reach=None, **wanted):
        """What was not written, by name."""
        return {f.what: f.why for f in self.push(token, reach, **wanted).failed}

    @property
    def writes(self):
        return self.stand_in.writes
