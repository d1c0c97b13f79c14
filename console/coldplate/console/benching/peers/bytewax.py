"""Bytewax with our own detectors in it: what a stream processor in Python costs around the same work.

Of the two that are alive in Python it is the one that hands batches to a function (`flat_map_batch`); Quix Streams calls one for each
record, and our pipeline is made for batches. It lives in an environment of its own under the cache folder.
"""

import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from coldplate.agents.topics import create_topics
from coldplate.console.benching.peers import bytewax_flow
from coldplate.console.benching.peers.ground import PARTITIONS, Ground
from coldplate.console.benching.peers.kafka_fed import KafkaFed
from coldplate.console.benching.peers.peer import PARAMETERS, Figures, NotHere, Stage
from coldplate.console.benching.peers.realtime import follow
from coldplate.console.benching.peers.records import Records
from coldplate.console.benching.production import Cycle
from coldplate.console.chain import fresh
from coldplate.console.running import read_stats
from coldplate.console.stack.part import Part
from coldplate.wire.inventory import save_csv
from coldplate.wire.topic import Topics

VERSION, KAFKA_VERSION = "0.21.1", "2.16.1"
INSTALL_S_MAX = 300.0


@dataclass(frozen=True)
class Bytewax:
    """Its Kafka source, our pipeline, its Kafka sink."""

    name: str = "bytewax"
    stage: Stage = "detect"
    does_not: Sequence[str] = (
        "keep what detectors learnt: its recovery store is off, and our pipeline's state is not its own",
        "share partitions in a consumer group: it assigns them itself and keeps offsets in its own store",
        "forget a partition that goes to another worker, or read the tail of one that comes",
    )
    objection: str = (
        "Bytewax' people: state belongs into its keyed operators, which can be moved between workers; ours is one object a"
        " process, and only its source, its batches and its sink are compared."
    )
    configuration: Sequence[str] = ("../bytewax_flow.py", PARAMETERS.name)

    def version(self, ground: Ground) -> str:
        """As it was installed."""
        _python(ground)
        return VERSION

    def measure(self, ground: Ground, cycle: Cycle) -> Figures:
        """Frames in against frames judged."""
        topics, run = Topics(self.name), ground.context.state.folder("run")
        create_topics(ground.context.kafka, topics.specs(PARTITIONS))
        stats, inventory = run / f"{self.name}.json", run / f"{self.name}.csv"
        save_csv(cycle.load.inventory(), inventory)
        # -P: else the program's own folder comes first, in which a file has the peer's name.
        argv = (
            str(_python(ground)), "-P", str(bytewax_flow.__file__), ground.endpoints.kafka, self.name,
            str(inventory), str(PARAMETERS), str(stats),
        )  # fmt: skip
        part = Part(self.name, argv, health=fresh(stats), env={bytewax_flow.OURS: _ours()})
        with ground.running(part) as pid:
            running = KafkaFed(
                ground, {"": topics.frames}, {self.name: pid},
                lambda: int(read_stats(stats).get("frames", 0)), "frames",
                "frame handed to Kafka's client to frame judged, told once a second",
            )  # fmt: skip
            return follow(ground, running, Records(cycle), self.name)


def _ours() -> str:
    """Where this process finds our packages; the peer's own come first."""
    return sysconfig.get_paths()["purelib"]


def _python(ground: Ground) -> Path:
    """The interpreter of its environment, made when it is not there."""
    entry = f"bytewax-{VERSION}-{sysconfig.get_python_version()}"
    if ground.cache.installed(entry) is None:
        ground.progress.show(f"installing bytewax {VERSION}", 0.0)
    return ground.cache.install(entry, _make) / "bin" / "python"


def _make(folder: Path) -> None:
    wanted = (f"bytewax=={VERSION}", f"confluent-kafka=={KAFKA_VERSION}")
    steps = (
        (sys.executable, "-m", "venv", str(folder)),
        (str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *wanted),
    )
    for argv in steps:
        try:
            ran = subprocess.run(argv, capture_output=True, timeout=INSTALL_S_MAX, check=False)
        except subprocess.TimeoutExpired:
            raise NotHere(f"{' '.join(argv)}: took more than {INSTALL_S_MAX:g} s") from None
        if ran.returncode != 0:
            said = ran.stderr.decode(errors="replace").strip().splitlines()
            raise NotHere(f"{' '.join(argv[1:])}: {said[-1] if said else ran.returncode}")
