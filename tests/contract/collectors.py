"""Every collector of the contract, with what it tells; a new one gets its row here."""

import atexit
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from agents.redfish.services import VALUES
from contract import rigs
from contract.rigs import IDS, NODE, RECORDING, SLOW_TICKS, T0, Open, Rig
from msgspec.structs import replace

from coldplate.agents.collector import Collector
from coldplate.agents.collectors.recorded import RecordedCollector
from coldplate.agents.modbus.map import load as load_map
from coldplate.twin.collector import TwinCollector
from coldplate.twin.model import Hall
from coldplate.twin.record import record
from coldplate.twin.replayed import ReplayedCollector
from coldplate.twin.scenario import load
from coldplate.wire.metric import CATALOGUE, Kind

Gives = Mapping[Kind, frozenset[str]]

MODELLED = {Kind.GPU: 39, Kind.NODE: 3, Kind.CDU: 19, Kind.RACK: 3, Kind.HALL: 3}
"""How many metrics of a kind a model or a recording gives; those behind them are what only a machine tells."""

NOT_RECORDED = (
    "mem_used_bytes", "job", "pcie_tx_bytes_total", "pcie_rx_bytes_total", "nvlink_errors_total",
    "nvlink_tx_bytes_total", "nvlink_rx_bytes_total", "power_violation_s_total", "thermal_violation_s_total",
    "hw_thermal_s_total", "power_brake_s_total",
)  # fmt: skip
NOT_OF_NVML = (
    # The recorded H200 has no NVLink, fan or retired pages, and whose job it is NVML does not know.
    "job", "nvlink_errors_total", "nvlink_tx_bytes_total", "nvlink_rx_bytes_total", "nvlink_active_links",
    "retired_pages_total", "fan_ratio",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One implementation.

    Parameters
    ----------
    open
        A new collector, at its start, slow metrics every `SLOW_TICKS`.
    gives
        By kind the metrics that some device of it tells at some tick; no others, ever.
    sometimes
        Of those, what it may leave out: a steady load has no swing.
    about
        Devices of other collectors that it may speak of.
    """

    name: str
    open: Open
    gives: Gives
    sometimes: frozenset[str] = frozenset({"swing_hz"})
    about: tuple[str, ...] = ()


def modelled(*kinds: Kind, without: Iterable[str] = ()) -> Gives:
    return {
        k: frozenset(m.name for m in CATALOGUE[k][: MODELLED[k]]) - frozenset(without)
        for k in kinds
    }


def both(*several: Gives) -> Gives:
    kinds = {kind for gives in several for kind in gives}
    return {k: frozenset().union(*(gives.get(k, ()) for gives in several)) for k in kinds}


def of(kind: Kind, *names: str) -> Gives:
    return {kind: frozenset(names)}


def alone(make: Callable[[], Collector]) -> Open:
    """A collector with nothing behind it that would have to move."""

    @contextmanager
    def opened(_: Path) -> Iterator[Rig]:
        collector = make()
        try:
            yield Rig(collector)
        finally:
            collector.close()

    return opened


@cache
def recorded_twin() -> Path:
    """A recording of the small twin, of five minutes."""
    small = replace(load("steps"), racks=2, nodes=2, gpus=2)
    made = mkdtemp()
    atexit.register(rmtree, made)
    folder = Path(made) / "recording"
    record(small, folder, name="small", start_ms=T0 * 1000, seconds=300, slow_ticks=SLOW_TICKS)
    return folder


def twin(name: str, **changed: object) -> Open:
    small = {"racks": 2, "nodes": 2, "gpus": 2, **changed}
    return alone(lambda: TwinCollector(Hall(replace(load(name), **small)), slow_ticks=SLOW_TICKS))


ALL = modelled(*Kind)
HALLS = (
    Case(
        "recorded",
        alone(
            lambda: RecordedCollector(
                RECORDING, "rack-0000/node-0", "rack-0000", slow_ticks=SLOW_TICKS
            )
        ),
        modelled(Kind.GPU, without=NOT_RECORDED),
    ),
    Case("twin", twin("healthy"), ALL),
    Case("twin-steps", twin("steps"), ALL),
    Case("replayed", alone(lambda: ReplayedCollector(recorded_twin())), ALL),
    # No job owns an idle GPU; 0 would be a job's number.
    Case("twin-idle", twin("healthy", load="idle"), modelled(*Kind, without=["job"])),
)
"""Whole GPUs whose every value follows from the ticks alone."""

SWINGS = frozenset({"swing_hz", "swing_w"})
NVML = {Kind.GPU: frozenset(m.name for m in CATALOGUE[Kind.GPU]) - frozenset(NOT_OF_NVML)}
HOST = of(
    Kind.NODE, "cpu_power_w", "cpu_c", "cpu_util_ratio", "mem_available_bytes", "air_inlet_c",
    "node_power_w", "agent_cpu_ratio", "agent_rss_bytes",
)  # fmt: skip
CLOCK = of(Kind.NODE, "clock_offset_s", "clock_error_s", "clock_wrong")
OWN = of(Kind.NODE, "spool_bytes", "dropped_frames_total", "missed_ticks_total")
JOBS = of(Kind.GPU, "job")
# The facility's return has no sensor there.
MODBUS = of(
    Kind.CDU,
    *{r.metric.name for r in load_map("example-cdu").registers} - {"facility_return_c"},
)
CDU = of(Kind.CDU, *VALUES)
HGX = both(
    of(Kind.NODE, "node_power_w", "air_inlet_c"),
    of(Kind.GPU, "gpu_c", "hbm_c", "power_instant_w"),
)
NODE_AGENT = rigs.gathering(
    rigs.nvml, rigs.redfish_hgx, rigs.jobs, rigs.host, rigs.clock, rigs.own, rigs.kmsg
)

CASES = (
    *HALLS,
    Case("nvml", rigs.nvml, NVML, SWINGS),
    Case("host", rigs.host, HOST),
    Case("clock", rigs.clock, CLOCK),
    Case("own", rigs.own, OWN),
    Case("jobs", rigs.jobs, JOBS),
    Case("kmsg", rigs.kmsg, {}, about=(NODE, *IDS)),
    Case("modbus", rigs.modbus, MODBUS),
    Case("redfish_cdu", rigs.redfish_cdu, CDU),
    Case("redfish_hgx", rigs.redfish_hgx, HGX),
    Case("gathering-node", NODE_AGENT, both(NVML, HGX, JOBS, HOST, CLOCK, OWN), SWINGS),
    Case("gathering-plant", rigs.gathering(rigs.redfish_cdu, rigs.modbus), both(CDU, MODBUS)),
)
