"""What can be set of a detector: its numbers, with their bounds, read from its dataclass and its docstring.

A dataclass says names, types and defaults; its numpydoc says what each is for. So a detector that is new has its table
in the file and its row in docs/detectors.md without another line.
"""

import dataclasses
import inspect
import math
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from coldplate.streams.detector import Detector

WHICH = frozenset({"pump"})
"""Numbers that say which of several a detector watches: part of its name."""

THRESHOLDS = ("on", "off", "at_once")
GENERAL = (*THRESHOLDS, "hold_s", "clear_s")
"""What every detector has, and means the same by."""

MAY_BE_NONE = frozenset({"hold_s", "clear_s", "warm_s", "chance", "spreads", "sigmas", "believed", "doubt"})  # fmt: skip
"""May be 0, as what ends in `_min` or says below which flow, power or speed nothing is judged; of the rest 0 is no sense."""

LEAST = re.compile(r"(_min|^idle_lpm|^least_w|_min_lpm|^running_rpm)$")

SHARES = frozenset({
    "stopped", "hole", "back", "level_min", "valve_min", "valve_most", "believed", "end", "stands", "opens", "travels",
    "doubt", "most", "slower", "steep",
})  # fmt: skip
"""Shares whose names do not say so by `_ratio`."""

BOUNDS = {"water_ratio": (0.1, 10.0)}
"""Of what its suffix would bound otherwise: a ratio of two flows."""

ORDERED = (("off", "on"), ("on", "at_once"), ("fast_s", "slow_s"), ("low_w", "busy_w"))
"""Where a detector has both, the first is at most the second."""

MEANINGS = {
    "on": "fires at or above this score",
    "off": "silent again below this score",
    "at_once": "at or above this score one tick is enough; inf: never",
    "hold_s": "seconds at or above `on` before it fires",
    "clear_s": "seconds below `off` before it is silent again",
    "warm_s": "seconds of values before it judges",
    "tau_s": "memory of what is usual, in seconds",
    "smooth_s": "over how many seconds readings are smoothed",
    "usual_s": "memory of what is usual, in seconds",
    "fast_s": "memory of the faster of two means, whose difference is the slope",
    "slow_s": "memory of the slower",
    "idle_lpm": "usual flow below which it is not judged",
    "flow_min_lpm": "flow below which it is not judged",
    "running_rpm": "speed below which a pump stands",
    "half_s": "seconds in which a count falls to a half",
    "learn_s": "memory of the device's own constant",
    "valve_s": "memory of the valve's usual position",
    "swings_w": "a load that moves by more within a block swings",
    "still_w": "power of a GPU that does nothing at all",
    "gas_l": "gas in the unit's vessel at 250 kPa, litres",
    "record_s": "for how long the greatest departure is remembered",
    "loop_l": "coolant in the unit's loop, litres",
}
"""Of what most detectors have, where a detector's own docstring says no more."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number of a detector.

    Parameters
    ----------
    name
        Its unit last.
    default
        As the detector has it; an int where only whole numbers are taken.
    least, most
        Bounds, themselves allowed; `above` where the least one is not.
    meaning
        For a person.
    """

    name: str
    default: float
    least: float
    most: float
    above: bool
    meaning: str

    @property
    def allowed(self) -> str:
        """For a person: which values are taken."""
        sort = "a whole number" if isinstance(self.default, int) else "a number"
        if self.least == -math.inf:
            return sort
        words = f"{sort} {'above' if self.above else 'from'} {self.least:g}"
        return words if self.most == math.inf else f"{words} to {self.most:g}"

    def taken(self, value: object) -> float:
        """A value from a file, as the detector wants it.

        Raises
        ------
        ValueError
            Saying what is allowed.
        """
        whole = isinstance(self.default, int)
        sort = int if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, sort):
            raise ValueError(f"must be {self.allowed}, got {value!r}")  # noqa: TRY004  one error for all that is wrong
        number = value if whole else float(value)
        endless = math.isinf(number) and not (self.name == "at_once" and number > 0)
        low = number <= self.least if self.above else number < self.least
        if math.isnan(number) or endless or low or number > self.most:
            raise ValueError(f"must be {self.allowed}, got {value!r}")
        return number


def parameters_of(detector: Detector) -> dict[str, Parameter]:
    """Everything of it that can be set, by name, thresholds and times first; of a method that it uses, `method.name`."""
    found = _numbers(detector)
    first = [n for n in GENERAL if n in found]
    return {name: found[name] for name in [*first, *(n for n in found if n not in first)]}


def _numbers(owner: object, prefix: str = "") -> dict[str, Parameter]:
    told = sections(owner).get("Parameters", {})
    out: dict[str, Parameter] = {}
    for field in dataclasses.fields(cast("Any", owner)):
        value = getattr(owner, field.name)
        if dataclasses.is_dataclass(value):
            out |= _numbers(value, f"{field.name}.")
        elif field.type in (int, float) and field.name not in WHICH:
            bounded = _parameter(field.name, value, _meaning(field.name, told, inner=prefix != ""))
            out[prefix + field.name] = dataclasses.replace(bounded, name=prefix + field.name)
    return out


def changed(detector: Detector, values: Mapping[str, float]) -> Detector:
    """The detector with other parameters.

    Parameters
    ----------
    values
        By name, as in `parameters_of`.

    Raises
    ------
    ValueError
        When the new ones do not go together.
    """
    own, of_method = {}, dict[str, dict[str, float]]()
    for name, value in values.items():
        method, _, inner = name.rpartition(".")
        if method:
            of_method.setdefault(method, {})[inner] = value
        else:
            own[name] = value
    made = cast("Any", detector)
    methods = {m: dataclasses.replace(getattr(made, m), **v) for m, v in of_method.items()}
    made = dataclasses.replace(made, **own, **methods)
    for small, large in ORDERED:
        low, high = getattr(made, small, -math.inf), getattr(made, large, math.inf)
        if low > high:
            raise ValueError(
                f"{small} = {low:g} is above {large} = {high:g}: give both, {small} at most {large}"
            )
    return cast("Detector", made)


def summary(detector: Detector) -> str:
    """What it measures, in its own docstring's words."""
    return " ".join(_doc(detector).split("\n\n")[0].split())


def cost(detector: Detector) -> str:
    """What it costs, as its docstring's notes begin."""
    told = sections(detector).get("Notes", {}).get("", "").partition(". ")[0].rstrip(".")
    return told if told or detector.remembers else "No memory"


def sections(owner: object) -> dict[str, dict[str, str]]:
    """The docstring's numpydoc sections: by name of parameter in `Parameters`, by "" in the others."""
    out: dict[str, dict[str, str]] = {}
    parts = re.split(r"^(\w+)\n-+\n", _doc(owner), flags=re.MULTILINE)
    for title, text in zip(parts[1::2], parts[2::2], strict=True):
        out[title] = _entries(text) if title == "Parameters" else {"": " ".join(text.split())}
    return out


def _entries(text: str) -> dict[str, str]:
    out: dict[str, str] = {}
    for entry in re.split(r"^(?=\S)", text, flags=re.MULTILINE):
        names, _, words = entry.partition("\n")
        meaning = " ".join(textwrap.dedent(words).split())
        out |= dict.fromkeys((n.strip() for n in names.split(",") if n.strip()), meaning)
    return out


def _doc(owner: object) -> str:
    return inspect.getdoc(type(owner)) or ""


def _meaning(name: str, told: Mapping[str, str], *, inner: bool) -> str:
    """Of thresholds and times a docstring says why they are what they are; what they are is the same for all.

    A method within a detector has words of its own for them.
    """
    general, own = MEANINGS.get(name, ""), told.get(name, "")
    if name in GENERAL and not inner:
        return f"{general}. {own}" if own else general
    return own or general


def _parameter(name: str, default: float, meaning: str) -> Parameter:
    least, most, above = 0.0, math.inf, True
    if name in THRESHOLDS:
        least, above = -math.inf, False
    elif name in BOUNDS:
        (least, most), above = BOUNDS[name], False
    elif name in SHARES or name.endswith("_ratio"):
        most = 1.0
    if name in MAY_BE_NONE or LEAST.search(name):
        above = False
    return Parameter(name, default, least, most, above, meaning)
