"""What if there were more of something, or less: `flushing-skid=+1`, `spares=-50%`, `delivery=+10%`, `burn-in.fail_ratio=-50%`."""

import re
from collections.abc import Iterable

import msgspec

from coldplate.console.bringup.plan import DELIVERY, Plan, Spare
from coldplate.console.failure import BAD_INPUT, Failure

SPARES = "spares"
"""All kinds of spares at once."""

_GIVEN = re.compile(
    r"(?P<name>[\w-]+)(?:\.(?P<key>\w+))?=(?P<sign>[+-]?)(?P<n>\d+(?:\.\d+)?)(?P<share>%?)"
)
_OF_STEP = ("hours", "fail_ratio", "rework_h", "again_ratio", "spread")


def changed(plan: Plan, whats: Iterable[str]) -> Plan:
    """The plan with other numbers.

    Parameters
    ----------
    whats
        `NAME=CHANGE` each: +N, -N, +N%, -N% or N. A name is a resource, `delivery` (racks a day), a spare or `spares`
        (stock and what comes each day), or `STEP.hours`, `STEP.fail_ratio` and the like.

    Raises
    ------
    Failure
        Nothing is called so, or nothing would be left.

    Examples
    --------
    >>> changed(Plan(), ["flushing-skid=+1", "spares=-50%"]).resource["flushing-skid"]
    27
    """
    for what in whats:
        match = _GIVEN.fullmatch(what.strip())
        if match is None:
            raise Failure(f"--with {what!r}: expected as flushing-skid=+1, spares=-50% or flush.hours=5", BAD_INPUT)  # fmt: skip
        try:
            plan = _one(plan, match)
            # The struct's own bounds hold for what comes out.
            plan = msgspec.convert(msgspec.to_builtins(plan), Plan)
        except (ValueError, msgspec.ValidationError) as error:
            raise Failure(f"--with {what!r}: {error}", BAD_INPUT) from None
    return plan


def _one(plan: Plan, match: "re.Match[str]") -> Plan:
    name, key = match["name"], match["key"]
    if key is not None:
        if name not in plan.step or key not in _OF_STEP:
            raise ValueError(
                f"no step has that; steps are {', '.join(plan.step)} with {', '.join(_OF_STEP)}"
            )
        step = plan.step[name]
        other = msgspec.structs.replace(step, **{key: _moved(getattr(step, key), match)})
        return msgspec.structs.replace(plan, step=plan.step | {name: other})
    if name == DELIVERY:
        a_day = _moved(1440 / plan.between_minutes, match)
        if a_day <= 0:
            raise ValueError("nothing would be delivered")
        return msgspec.structs.replace(plan, delivery_minutes=1440 / a_day)
    if name in plan.resource:
        units = int(_moved(plan.resource[name], match) + 0.5)
        if units < 1:
            raise ValueError(f"none would be left of {plan.resource[name]}")
        return msgspec.structs.replace(plan, resource=plan.resource | {name: units})
    if name == SPARES or name in plan.spare:
        names = plan.spare if name == SPARES else (name,)
        spare = plan.spare | {n: _spare(plan, n, match) for n in names}
        return msgspec.structs.replace(plan, spare=spare)
    raise ValueError(f"nothing is called {name!r}; there are {DELIVERY}, {', '.join(plan.resource)}, {SPARES}, {', '.join(plan.spare)}")  # fmt: skip


def _spare(plan: Plan, name: str, match: "re.Match[str]") -> Spare:
    spare = plan.spare[name]
    stock = max(0.0, _moved(spare.stock, match))
    # A number is of the stock; a share is of what comes too.
    per_day = max(0.0, _moved(spare.per_day, match)) if match["share"] else spare.per_day
    if spare.need_ratio and not per_day:
        raise ValueError(f"spare {name} would never come")
    return msgspec.structs.replace(spare, stock=stock, per_day=per_day)


def _moved(value: float, match: "re.Match[str]") -> float:
    number = float(match["n"])
    if match["share"]:
        number *= value / 100
    return {"+": value + number, "-": value - number, "": number}[match["sign"]]
