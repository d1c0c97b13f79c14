"""The site's plan: how many racks in how many days, who and what does each step, how often one fails, which spares there are.

    [plan]
    days = 19
    racks = 1563

    [plan.step.flush]
    hours = 5

    [plan.resource]
    flushing-skid = 24

    [plan.spare.gpu]
    stock = 60

What a file does not give is as here. No figure of a bring-up of this size is public but its length: the others are
estimates, sized so that the plan holds; a site's own are better, and measured ones take their place as racks pass.
"""

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from coldplate.console.bringup.states import WORK
from coldplate.console.failure import BAD_INPUT, Failure

if TYPE_CHECKING:
    from coldplate.console.context import Context

Positive = Annotated[float, Meta(gt=0)]
Least0 = Annotated[float, Meta(ge=0)]
Ratio = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=1, le=100_000)]

DELIVERY = "delivery"
"""The one resource that is a pace: racks a day."""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step of the way; see `STEP_MEANINGS`."""

    hours: Positive = 1.0
    spread: Ratio = 0.2
    resource: str = ""
    fail_ratio: Annotated[float, Meta(ge=0, le=0.9)] = 0.0
    rework_h: Least0 = 0.0
    again_ratio: Ratio = 1.0


class Spare(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of spare part; see `SPARE_MEANINGS`."""

    step: str = "burn-in"
    need_ratio: Ratio = 0.0
    stock: Annotated[float, Meta(ge=0)] = 0.0
    per_day: Least0 = 0.0
    causes: tuple[str, ...] = ()


_STEPS = {
    "cable": Step(6.0, 0.2, "cabling-crew", 0.02, 1.0, 0.2),
    "fill": Step(1.5, 0.2, "filling-skid", 0.01, 1.0, 0.5),
    "flush": Step(4.0, 0.25, "flushing-skid", 0.05, 1.0, 0.5),
    "hold": Step(1.5, 0.1, "pressure-kit", 0.04, 2.0, 1.0),
    "power": Step(2.0, 0.25, "electrician-crew", 0.02, 2.0, 0.5),
    "check": Step(1.0, 0.3, "test-crew", 0.06, 2.0, 0.5),
    "burn-in": Step(74.0, 0.02, "test-power", 0.12, 4.0, 0.35),
}  # fmt: skip
_RESOURCES = {
    "cabling-crew": 38, "filling-skid": 10, "flushing-skid": 26, "pressure-kit": 11, "electrician-crew": 14,
    "test-crew": 8, "test-power": 480,
}  # fmt: skip
_SPARES = {
    "filter": Spare("flush", 1.0, 60, 15, ("clogged-filter",)),
    "coupling": Spare("hold", 0.5, 40, 8, ("leak", "coupling")),
    "cable": Spare("check", 0.3, 60, 10, ("missing-sensor", "dry-rope")),
    "gpu-board": Spare("burn-in", 0.45, 60, 10, ("marginal-hbm", "gpu-lost", "xid", "degraded-pcie", "bad-nvlink")),
    "paste-kit": Spare("burn-in", 0.25, 60, 10, ("bad-paste", "hbm-contact", "r-drift")),
    "pump": Spare("burn-in", 0.05, 10, 2, ("weak-pump", "failover-slow")),
}  # fmt: skip


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The plan; see `MEANINGS`. Steps, resources and spares are whole: a file's over those of this module."""

    days: Annotated[float, Meta(gt=0, le=1000)] = 19.0
    racks: Count = 1563
    gpus_per_rack: Annotated[int, Meta(ge=1, le=1152)] = 64
    begin: str = ""
    delivery_minutes: Least0 = 0.0
    margin_days: Least0 = 2.5
    ready_ratio: Annotated[float, Meta(gt=0, le=1)] = 1.0
    phase_gpus: Count = 1024
    prior_racks: Positive = 50.0
    site_mw: Positive = 150.0
    swing_mw: Positive = 15.0
    margin_k: Least0 = 5.0
    feed: dict[str, tuple[str, ...]] = {}
    step: dict[str, Step] = msgspec.field(default_factory=lambda: dict(_STEPS))
    resource: dict[str, Count] = msgspec.field(default_factory=lambda: dict(_RESOURCES))
    spare: dict[str, Spare] = msgspec.field(default_factory=lambda: dict(_SPARES))

    @property
    def pace_minutes(self) -> float:
        """From rack to rack over all days."""
        return self.days * 1440 / self.racks

    @property
    def way_days(self) -> float:
        """That one rack takes when it waits for nothing and nothing fails."""
        return sum(self.step[s].hours for s in WORK) / 24

    @property
    def between_minutes(self) -> float:
        """From delivery to delivery: as given, otherwise so that the last rack has time for its way before the last day."""
        if self.delivery_minutes:
            return self.delivery_minutes
        left_days = max(self.days - self.way_days - self.margin_days, 0.25 * self.days)
        return left_days * 1440 / self.racks

    def planned(self, day: float) -> float:
        """Racks that the plan has accepted by a day from the begin."""
        first = self.way_days
        last = max(self.days, first + 1e-6)
        return self.racks * min(max((day - first) / (last - first), 0.0), 1.0)


MEANINGS = {
    "days": "from the first rack on the floor until all are accepted",
    "racks": "how many; on the board those of the inventory",
    "gpus_per_rack": "GPUs of a rack; on the board those of the inventory",
    "begin": "when the first rack comes, as 2026-12-01T06:00:00Z; empty: the first delivery that was told",
    "delivery_minutes": "from delivery to delivery; 0: so that the last rack has time for its way, and `margin_days`, before the last day",
    "margin_days": "what the plan leaves for waiting and rework (estimate)",
    "ready_ratio": "share of the racks that must be accepted for the bring-up to be over",
    "phase_gpus": "GPUs of the first training phase: accepted, contiguous",
    "prior_racks": "as many racks' weight has the plan's fail_ratio against what is measured",
    "site_mw": "the site's power; the utility's limit in MW/s is this times `ramp-too-steep`'s `on` (10 MW/s of 150 MW; estimate)",
    "swing_mw": "how far the load may swing, from peak to peak, MW (a utility's dynamic range; estimate)",
    "margin_k": "a rack whose hottest GPU is nearer to its limit is told of, K (estimate)",
    "feed": 'rows of each power feed, by name, with * for any: a = ["row-0", "row-1*"]; without it a row is a feed of its own',
}  # fmt: skip
STEP_MEANINGS = {
    "hours": "median time of the work itself, without waiting",
    "spread": "its spread: standard deviation of the logarithm",
    "resource": "of which one unit is taken meanwhile; empty: nothing is waited for",
    "fail_ratio": "share of attempts that fail",
    "rework_h": "until it is mended, beside waiting for a spare",
    "again_ratio": "how long the repeated step is, as a share of the first",
}
SPARE_MEANINGS = {
    "step": "whose failures need it",
    "need_ratio": "share of these failures that do",
    "stock": "there at the begin",
    "per_day": "that come each day",
    "causes": "of held racks on the board that wait for it, by the words of acceptance",
}


def site_of(context: "Context", given: Path | None = None) -> Path | None:
    """The file of an option, otherwise of the configuration; None when none is named."""
    return given or (Path(context.config.site) if context.config.site else None)


def load_plan(path: Path | None, **given: Any) -> Plan:
    """The plan of a file over the defaults, and what was given on the command line on top.

    Raises
    ------
    Failure
        Unreadable, an unknown key, step or resource, or a value out of its range: with file, key and what is expected.
    """
    told: Any = {}
    where = "plan" if path is None else str(path)
    if path is not None:
        try:
            whole: Any = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise Failure(f"--site {path}: {error}", BAD_INPUT) from None
        told = whole.get("plan")
        if not isinstance(told, dict) or set(whole) != {"plan"}:
            raise Failure(f"--site {path}: expected one table [plan]", BAD_INPUT)
    told = told | {k: v for k, v in given.items() if v is not None}
    return _checked(_made(told, where), where)


def _made(told: dict[str, Any], where: str) -> Plan:
    known = set(Plan.__struct_fields__)
    _known("key", set(told), known, where)
    whole = dict(told)
    tables: tuple[tuple[str, Mapping[str, Any], Any], ...] = (
        ("step", _STEPS, Step()), ("spare", _SPARES, Spare()),
    )  # fmt: skip
    for table, defaults, empty in tables:
        own = told.get(table, {})
        if not isinstance(own, dict) or not all(isinstance(v, dict) for v in own.values()):
            raise Failure(f"--site {where}: plan.{table}: expected a table for each {table}", BAD_INPUT)  # fmt: skip
        merged: dict[str, Any] = {n: msgspec.to_builtins(v) for n, v in defaults.items()}
        for name, values in own.items():
            _known(f"key of {table} {name}", set(values), set(empty.__struct_fields__), where)
            merged[name] = merged.get(name, msgspec.to_builtins(empty)) | values
        whole[table] = merged
    own = told.get("resource", {})
    whole["resource"] = _RESOURCES | (own if isinstance(own, dict) else {"?": own})
    try:
        return msgspec.convert(whole, Plan)
    except msgspec.ValidationError as error:
        raise Failure(f"--site {where}: {error}", BAD_INPUT) from None


def _checked(plan: Plan, where: str) -> Plan:
    _known("step", set(plan.step), set(WORK), where)
    for name, step in plan.step.items():
        if step.resource:
            _known(f"resource of step {name}", {step.resource}, set(plan.resource), where)
    for name, spare in plan.spare.items():
        _known(f"step of spare {name}", {spare.step}, set(WORK), where)
        if spare.need_ratio and not spare.per_day:
            raise Failure(f"--site {where}: spare {name} is needed and none comes when the stock is used up: give per_day", BAD_INPUT)  # fmt: skip
    for name in WORK:
        needed = sum(s.need_ratio for s in plan.spare.values() if s.step == name)
        if needed > 1 + 1e-9:
            raise Failure(f"--site {where}: need_ratio of the spares of step {name} is {needed:g} together; a failure needs one at most", BAD_INPUT)  # fmt: skip
    return plan


def _known(what: str, names: set[str], known: set[str], where: str) -> None:
    for name in sorted(names - known):
        near = get_close_matches(name, known, 3, 0.5) or sorted(known)
        raise Failure(f"--site {where}: no {what} is called {name!r}; there are {', '.join(near)}", BAD_INPUT)  # fmt: skip
