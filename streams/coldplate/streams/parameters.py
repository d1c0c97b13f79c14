"""The detectors' parameters from one TOML file, and what is other for a hall, a row, a model, a rack or one device.

    [thermal-path]
    limit_k = 1.6

    [[override]]
    rack = "rack-0003"
    [override.thermal-path]
    limit_k = 2.0

A table a detector; what it does not give stays as the code has it. An override begins with the detector as the file has
it. Of several that hold for a device the strongest that names the detector decides alone: a device's before its rack's,
then its model's (`sku`), its row's, its hall's. Whatever is not understood is refused with its line: a limit that is
not in force because of a slip is found when it was needed.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from coldplate.streams.detector import Detector
from coldplate.streams.detectors import defaults, parameters_sha
from coldplate.streams.schema import changed, parameters_of
from coldplate.wire.inventory import Inventory
from coldplate.wire.metric import Kind
from coldplate.wire.toml_lines import TomlLines

IN_RACK = frozenset({Kind.GPU, Kind.NODE, Kind.CDU, Kind.RACK})

PLACES = {
    "hall": frozenset(Kind), "row": IN_RACK, "sku": IN_RACK, "rack": IN_RACK,
    "gpu": frozenset({Kind.GPU}), "device": frozenset(Kind),
}  # fmt: skip
"""Words of an override's place, the weakest first, and kinds of device that can stand there."""


class ParametersError(ValueError):
    """A file of parameters cannot be used; the message says where, what is allowed and what to do."""


@dataclass(frozen=True, slots=True)
class Override:
    """Detectors with other parameters for some devices.

    Parameters
    ----------
    place, value
        One of `PLACES` (`gpu` is a `device`), and which one.
    detectors
        Whole, with the file's other parameters.
    line
        In the file.
    """

    place: str
    value: str
    detectors: tuple[Detector, ...]
    line: int | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Parameters:
    """Detectors as a worker runs them.

    Parameters
    ----------
    detectors
        In the order in which they are asked.
    overrides
        For some devices.
    """

    detectors: tuple[Detector, ...] = field(default_factory=lambda: tuple(defaults()))
    overrides: tuple[Override, ...] = ()

    @property
    def sha(self) -> str:
        """Changes with any parameter of any detector for any device."""
        return parameters_sha([*self.detectors, *self.overrides])

    def nowhere(self, inventory: Inventory) -> list[Override]:
        """Overrides that hold for no device of an inventory."""
        there = {place for device in inventory for place in places(device.id, "", inventory)}
        return [o for o in self.overrides if (o.place, o.value) not in there]


def places(device_id: str, rack: str, inventory: Inventory | None) -> Iterator[tuple[str, str]]:
    """Where a device is, as (place, value), the strongest first; of a stranger, what its rack tells."""
    yield "device", device_id
    chain = []
    known = {} if inventory is None else inventory.devices
    device = known.get(device_id) or known.get(rack)
    while device is not None and device not in chain:
        chain.append(device)
        device = known.get(device.parent)
    racks = [d.id for d in chain if d.kind == "rack"]
    yield "rack", racks[0] if racks else rack
    for place in ("sku", "row", "hall"):
        named = (d.id if d.kind == place else getattr(d, place) for d in chain)
        yield place, next((value for value in named if value), "")


def load_parameters(path: Path) -> Parameters:
    """The parameters of a file.

    Raises
    ------
    ParametersError
    """
    try:
        text = path.read_text("utf-8")
        data = tomllib.loads(text)
    except OSError as error:
        raise ParametersError(f"{path}: {error.strerror}; name a file of parameters") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ParametersError(f"{path}: {error}") from None
    return _File(path, TomlLines(text)).parameters(data)


def parameters_with(path: Path | None, given: Mapping[str, Any], told_as: str) -> Parameters:
    """The parameters of a file (None: the detectors' own) with some given besides, for all devices.

    Parameters
    ----------
    given
        Tables as a file has them. An override of the file that gives the same parameter keeps its own value.
    told_as
        What an error begins with: the file can be used by itself, so it is in what is given.

    Raises
    ------
    ParametersError
    """
    data = {} if path is None else tomllib.loads(path.read_text("utf-8"))
    return _File(Path(told_as), TomlLines("")).parameters(_merged(data, given))


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables laid over tables."""
    out = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = _merged(out[key], value) if both else value
    return out


class _File:
    """A file while it is read."""

    def __init__(self, path: Path, lines: TomlLines) -> None:
        self._path, self._lines = path, lines

    def parameters(self, data: dict[str, Any]) -> Parameters:
        given = data.pop("override", [])
        base = {d.name: d for d in defaults()}
        for name, table in data.items():
            base[name] = self._changed(self._of(base, name, name), table, name)
        if not isinstance(given, list):
            raise self._error("overrides are tables of their own: write [[override]]", "override")
        overrides = tuple(self._override(base, i, table) for i, table in enumerate(given))
        self._check_once(overrides)
        return Parameters(tuple(base.values()), overrides)

    def _of(self, base: Mapping[str, Detector], name: str, *path: str | int) -> Detector:
        if name in base:
            return base[name]
        near = get_close_matches(name, base, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise self._error(
            f"there is no detector {name!r}; {hint}`coldplate detectors` lists all", *path
        )

    def _changed(self, detector: Detector, table: Any, *path: str | int) -> Detector:
        if not isinstance(table, dict):
            raise self._error(f"{detector.name} is a table: parameter = value, a line each", *path)
        known, values = parameters_of(detector), {}
        for key, value in _flat(table):
            if key not in known:
                raise self._error(
                    f"{detector.name} has no parameter {key!r}; it has {', '.join(known)}", *path, *key.split(".")
                )  # fmt: skip
            try:
                values[key] = known[key].taken(value)
            except ValueError as error:
                raise self._error(
                    f"{detector.name}, {key} {error}", *path, *key.split(".")
                ) from None
        try:
            return changed(detector, values)
        except ValueError as error:
            raise self._error(f"{detector.name}, {error}", *path) from None

    def _override(self, base: Mapping[str, Detector], number: int, table: Any) -> Override:
        here = ("override", number)
        if not isinstance(table, dict):
            raise self._error("an override is a table: write [[override]]", *here)
        named = [place for place in PLACES if place in table]
        others = [k for k, v in table.items() if k not in PLACES and not isinstance(v, dict)]
        words = f"an override is for one of {', '.join(PLACES)}"
        if others:
            raise self._error(f"{others[0]!r} is no place; {words}", *here, others[0])
        if len(named) != 1:
            told = f"this one gives {' and '.join(named)}" if named else "this one gives none"
            raise self._error(f"{words}, and {told}", *here)
        (place,) = named
        value = table[place]
        if not isinstance(value, str) or not value:
            raise self._error(
                f'{place} must be an id in quotes, as in {place} = "rack-0003"', *here, place
            )
        tables = {name: t for name, t in table.items() if name != place}
        if not tables:
            raise self._error("this override changes nothing: give [override.DETECTOR]", *here)
        made = []
        for name, changes in tables.items():
            detector = self._of(base, name, *here, name)
            if detector.kind not in PLACES[place]:
                raise self._error(
                    f"{name} judges {detector.kind.word}s, which a {place} is not for; use another place",
                    *here, name,
                )  # fmt: skip
            made.append(self._changed(detector, changes, *here, name))
        place = "device" if place == "gpu" else place
        return Override(place, value, tuple(made), self._lines(*here))

    def _check_once(self, overrides: tuple[Override, ...]) -> None:
        seen: dict[tuple[str, str, str], int | None] = {}
        for number, override in enumerate(overrides):
            for detector in override.detectors:
                key = (override.place, override.value, detector.name)
                if key in seen:
                    raise self._error(
                        f"{detector.name} of {override.place} {override.value!r} is given in line"
                        f" {seen[key]} already; leave one of both",
                        "override", number, detector.name,
                    )  # fmt: skip
                seen[key] = override.line

    def _error(self, words: str, *path: str | int) -> ParametersError:
        line = self._lines(*path)
        return ParametersError(
            f"{self._path}: {words}" if line is None else f"{self._path} line {line}: {words}"
        )


def _flat(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Keys and values; of a table within, `name.key`."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from ((f"{key}.{inner}", v) for inner, v in value.items())
        else:
            yield key, value
