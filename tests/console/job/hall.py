"""A rack whose every value is known, in a real ClickHouse: what a report says of it can be worked out by hand."""

import json
import time
from contextlib import contextmanager
from uuid import uuid4

import numpy as np
import storing
from click.testing import CliRunner
from frames import record_bytes
from sinks.servers import database

from coldplate.console.commands.job import job
from coldplate.console.context import Context
from coldplate.sinks.batch import Batch, Record
from coldplate.sinks.client import Client
from coldplate.sinks.inventory import store_inventory
from coldplate.sinks.migrate import migrate
from coldplate.wire.codec import encode
from coldplate.wire.event import Event
from coldplate.wire.incident import Incident, Severity, State
from coldplate.wire.inventory import generate
from coldplate.wire.metric import Kind
from coldplate.wire.topic import Topics

TOPICS, CLUSTER = Topics(), "test"
RACK, NODE = "rack-0000", "rack-0000/node-0"
GPUS = [f"{NODE}/gpu-{g}" for g in range(8)]
TICKS, FRAMES = 60, 15
EVIL = '<script>alert("x")</script>'
"""What a user may call a job, or himself."""

POWER_W = np.array([400, 400, 400, 300, 200, 200, 100, 100])
"""While a job has them; GPU 3 is slow, 6 and 7 have none. Idle all draw 100 W."""


class Hall:
    """The rack.

    Parameters
    ----------
    client
        Of its history.
    begin_ms
        Of the quarter of an hour of which samples are kept. From 30 to 630 s job `train` has GPUs 0 to 3, job `evil` 4 and 5.
    """

    def __init__(self, client, begin_ms):
        self.client, self.begin_ms = client, begin_ms
        s = client.settings
        self._url = f"clickhouse://{s.user}:{s.password}@{s.host}:{s.port}/{s.database}"

    def run(self, *words):
        """The command's result."""
        given = {"obj": Context(), "env": {"COLDPLATE_CLICKHOUSE": self._url}}
        return CliRunner().invoke(job, [str(w) for w in words], **given)

    def ok(self, *words):
        """What it printed."""
        ran = self.run(*words)
        assert ran.exception is None, ran.exception
        return ran.stdout

    def told(self, *words):
        """Its object."""
        return json.loads(self.ok(*words, "--json").splitlines()[-1])

    def at(self, second):
        """RFC 3339."""
        t = time.gmtime(self.begin_ms // 1000 + second)
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", t)

    def spans(self, name, gpus, begin_s, end_s, user="", *, shared=False):
        """Tell that a job had GPUs; an end of None is not told."""
        end_ms = None if end_s is None else self.begin_ms + int(end_s * 1000)
        n = len(gpus)
        self.client.insert("job_spans", {
            "gpu": list(gpus), "job": [name] * n, "since": [self.begin_ms + int(begin_s * 1000)] * n, "until": [end_ms] * n,
            "number": [1] * n, "user": [user] * n, "shared": [shared] * n, "source": ["agent"] * n, "told": [end_ms or 0] * n,
        }, None)  # fmt: skip

    def store(self, topic, values):
        """Records, by the sink's own code."""
        records = tuple(
            Record(topic, 0, n, self.begin_ms + 3_600_000, v) for n, v in enumerate(values)
        )
        batch = Batch(topic, 0, 0, len(records) - 1, records)
        storing.store(self.client, batch, CLUSTER, uuid4().hex)

    def incident(
        self,
        number,
        subject,
        begin_s,
        end_s,
        kind="pump-stop",
        cause="The pump stopped.",
        affected=(),
    ):
        """One that was open from then to then."""
        opened, closed = (self.begin_ms + 1000 * s for s in (begin_s, end_s))
        found = Incident(
            CLUSTER, f"inc{number}", 1, State.CLOSED, kind, subject, RACK, Severity.CRITICAL, opened, closed, cause,
            opened, closed_ms=closed, affected=tuple(affected),
        )  # fmt: skip
        self.store(TOPICS.incidents, [encode(found)])


@contextmanager
def hall(clickhouse_url):
    """Filled."""
    with database(clickhouse_url) as settings, Client(settings) as client:
        migrate(client)
        store_inventory(client, generate(2))
        found = Hall(client, (int(time.time()) - 7200) // 3600 * 3600 * 1000)
        _samples(found)
        found.spans("train", GPUS[:4], 30, 630, "ada")
        found.spans(EVIL, GPUS[4:6], 30, 630, EVIL)
        found.incident(1, f"{RACK}/cdu", 100, 200, cause=f"The pump of {EVIL} stopped.")
        found.incident(2, f"{RACK}/cdu", 640, 700)
        found.incident(3, "rack-0001/cdu", 100, 200)
        found.incident(4, "rack-0001", 100, 200, "partition", affected=[GPUS[2]])
        lost = Event("gpu_lost", GPUS[2], RACK, found.begin_ms + 300_000, CLUSTER, NODE, 1, 0)
        xid = Event("xid", GPUS[2], RACK, found.begin_ms + 299_000, CLUSTER, NODE, 1, 1, 79, "off")
        late = Event(
            "xid", GPUS[2], RACK, found.begin_ms + 700_000, CLUSTER, NODE, 1, 2, 31, "late"
        )
        found.store(TOPICS.events, [encode(e) for e in (lost, xid, late)])
        yield found


def _samples(found):
    """A tick a second; GPU 0 is held by heat for a minute, GPUs 4 to 7 have no energy counter."""
    first = found.begin_ms // 1000
    second = np.arange(TICKS * FRAMES)
    busy = ((second >= 30) & (second < 630))[:, None] & (np.arange(8) < 6)[None, :]
    power = np.where(busy, POWER_W, 100)
    # A tick's power is of the second that ends with it.
    energy = 5000.0 + np.cumsum(power, axis=0)
    energy[:, 4:] = np.nan
    hot = ((second >= 60) & (second < 120))[:, None] & (np.arange(8) == 0)[None, :]
    values = {
        "power_w": power, "energy_j": energy, "gpu_c": np.where(busy, 50.0 + np.arange(8), 30.0),
        "gpu_util_ratio": np.where(busy, 0.9, 0.0), "sm_clock_mhz": np.where(np.arange(8) == 3, 1500.0, 1800.0) * np.ones((len(second), 1)),
        "clock_event_reasons": np.where(hot, 0x44, np.where(busy, 0x0, 0x1)), "swing_w": np.where(busy, 50.0, 1.0),
        "swing_hz": np.where(busy, 0.5, np.nan),
    }  # fmt: skip
    frames = []
    for n in range(FRAMES):
        part = {m: v[n * TICKS : (n + 1) * TICKS] for m, v in values.items()}
        frames.append(
            record_bytes(
                NODE, RACK, first + n * TICKS, TICKS, {Kind.GPU: (tuple(GPUS), part)}, seq=n
            )
        )
    found.store(TOPICS.frames, frames)
