"""What can be wrong with a rack: the words that findings use, what each explains, and what is done about it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause.

    Parameters
    ----------
    line
        What it is, for a person.
    do
        What to do; `{subject}` is who.
    explains
        Causes that need no hand of their own where this one is on the same device or above it.
    replaces
        Likewise, on the same device only.
    """

    line: str
    do: str
    explains: frozenset[str] = frozenset()
    replaces: frozenset[str] = frozenset()


_HEAT = frozenset({"throttled", "low-power", "slow-clock", "bad-paste", "hbm-contact", "failover-warm", "r-drift", "swing"})  # fmt: skip
_OF_FLOW = _HEAT - {"bad-paste", "hbm-contact"}
_LOOP = frozenset({"flow-set-point", "flow-valve", "failover-slow", "rack-warm", "heat-balance"})

CAUSES = {
    "leak": Cause("the loop loses pressure", "find the leak of {subject}: soap the couplings, then repeat the hold"),
    "dry-rope": Cause("the leak rope does not tell", "connect or replace the leak rope of {subject}, and wet it again"),
    "false-rope": Cause("the leak rope tells without water", "dry or replace the leak rope of {subject}"),
    "clogged-filter": Cause("the filter is not clean", "flush {subject} again and change the filter", _LOOP | _OF_FLOW),
    "dew-point": Cause("the supply is too near to the dew point", "raise the set point of {subject} or dry the air"),
    "coupling": Cause("a node gets too little coolant", "reseat the couplings of {subject}", _OF_FLOW | {"node-warm"}),
    "air-lock": Cause("air is in a node's branch", "bleed the loop of {subject}", _OF_FLOW | {"node-warm", "coupling"}),
    "node-warm": Cause("a node's GPUs are warm though its flow reads well", "check couplings and flow meter of {subject}", _OF_FLOW),
    "flow-meter": Cause("a flow meter does not fit the heat", "calibrate or replace the flow meter of {subject}", replaces=frozenset({"coupling", "air-lock", "node-warm", "heat-balance", "flow-valve"})),
    "flow-set-point": Cause("the loop runs at another pressure than designed", "set the differential pressure of {subject}", frozenset({"flow-valve", "rack-warm"}) | _OF_FLOW),
    "flow-valve": Cause("the loop's flow is wrong at the right pressure", "see that all valves of {subject} are open", frozenset({"rack-warm"}) | _OF_FLOW),
    "weak-pump": Cause("a pump has less head than its curve", "change the pump of {subject} that is named", _LOOP | _OF_FLOW),
    "failover-slow": Cause("the spare pump comes too late or too weak", "check the spare pump and the controller of {subject}", frozenset({"failover-warm"})),
    "failover-warm": Cause("a GPU warms too much when a pump stops", "check plate and flow of {subject}"),
    "heat-balance": Cause("heat in the water does not fit electric power", "check the temperature sensors and the flow meter of {subject}"),
    "fouled-exchanger": Cause("the heat exchanger passes too little", "clean or change the heat exchanger of {subject}", _HEAT - {"bad-paste", "hbm-contact"} | {"heat-balance"}),
    "bad-paste": Cause("heat leaves a GPU badly", "re-paste {subject}", _HEAT - {"bad-paste", "hbm-contact"}),
    "gpu-sensor": Cause("a GPU reads too cool", "check that {subject} is the GPU that its name says, and its sensor"),
    "hbm-contact": Cause("HBM runs hot", "reseat the plate of {subject}", frozenset({"throttled", "low-power", "slow-clock"})),
    "throttled": Cause("a GPU is held down", "see the reasons of {subject}"),
    "low-power": Cause("a GPU draws less than its peers", "check load and power supply of {subject}"),
    "slow-clock": Cause("a GPU's clock is below its peers'", "check the power limit of {subject}", frozenset({"swing"})),
    "swing": Cause("a GPU does not follow the steps", "see what holds {subject} up"),
    "rack-warm": Cause("the rack's GPUs are warmer than other racks'", "check coolant and plates of {subject}"),
    "r-drift": Cause("a GPU got warmer over the soak", "re-paste {subject}"),
    "marginal-hbm": Cause("memory errors", "reset {subject}; replace it when they come back"),
    "degraded-pcie": Cause("the PCIe link is narrow, slow or repeats", "reseat {subject} on its board"),
    "bad-nvlink": Cause("NVLink errors", "reseat {subject}, then its baseboard"),
    "xid": Cause("the driver reported an XID", "do what the XID of {subject} asks for"),
    "gpu-lost": Cause("a GPU is gone", "reboot the node of {subject}; replace it when it stays away"),
    "swapped-serials": Cause("another device sits there than the inventory says", "swap it back, or mend the inventory: {subject}"),
    "missing-sensor": Cause("a reading is not there", "connect what {subject} does not read, and see that its agent sends"),
    "implausible": Cause("a reading cannot be", "check the sensor of {subject}"),
    "not-measured": Cause("could not be measured", "see that {subject} sends, and repeat the step"),
}  # fmt: skip


def do(cause: str, subject: str) -> str:
    """What to do about a cause."""
    return CAUSES[cause].do.format(subject=subject)
