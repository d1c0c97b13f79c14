"""`[agent.redfish]`: how baseboards and CDUs are read over Redfish; which CDUs there are stands in the plant's list."""

from typing import Literal

import msgspec


class Redfish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Reading over Redfish; one set of options for all controllers that a process reads."""

    url: str = ""
    user: str = ""
    password_file: str = ""
    auth: Literal["session", "basic"] = "session"
    ca_file: str = ""
    verify: bool = True
    timeout_s: float = 5.0
    budget_s: float = 0.35
    late_s: float = 2.0
    lost_s: float = 10.0
    body_bytes_max: int = 2 * 1024 * 1024
    pump_ticks: int = 2
    slow_ticks: int = 5
    node_ticks: int = 2
    gpu_ticks: int = 5
    inventory_s: float = 3600.0
    gauge_kpa: float = 101.325
    energy: bool = False
    modules: dict[str, str] = {}
    sensors: dict[str, str] = {}


MEANINGS = {
    "url": "of the node's own controller, `https://host[:port][/prefix]`; empty: it is not read. CDUs have theirs in the plant's list",
    "user": "who logs in; empty: no login",
    "password_file": "file that holds the password, and nothing else",
    "auth": "`session` (a login that is ended at the end) or `basic` (the password in every request)",
    "ca_file": "certificates to trust; empty: the system's",
    "verify": "whether certificates are checked; without, anybody on the network can answer",
    "timeout_s": "how long one request may take before its connection is given up",
    "budget_s": "how long a tick waits for answers; below the deadline of the collectors' lanes",
    "late_s": "a value is given at most so long after it was asked for; later answers are dropped and counted",
    "lost_s": "without any value for so long, `source_lost` is told",
    "body_bytes_max": "longest answer that is taken",
    "pump_ticks": "pumps are read every so many ticks",
    "slow_ticks": "filters, reservoirs, room and pump power are read every so many ticks",
    "node_ticks": "a node's power, air and leak detectors are read every so many ticks",
    "gpu_ticks": "a baseboard's GPUs are read every so many ticks",
    "inventory_s": "how often a controller is looked through for parts that came or went",
    "gauge_kpa": "added to pressures, which Redfish gives relative to the atmosphere; 0 for a device that gives absolute ones",
    "energy": "whether a baseboard's energy counters are given; their zero is not the driver's",
    "modules": "by GPU of the node (`gpu-0`) the baseboard's name for it (`GPU_SXM_4`), where serial and UUID do not tell",
    "sensors": "by metric of ours the path of the Sensor that has it, for what no standard resource tells (`conductivity_us_cm`)",
}
