"""What is proposed: the parameters of a file, and some given on the command line, beside the ones in force."""

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.streams.detector import Detector
from coldplate.streams.parameters import Parameters, ParametersError, parameters_with
from coldplate.streams.schema import parameters_of

OPTION = "--set"


def proposed_parameters(path: Path | None, given: Sequence[str]) -> Parameters:
    """Parameters of a file (None: the detectors' own), and each `detector.parameter=value` over them.

    Raises
    ------
    Failure
        In the words in which a file of parameters is refused.
    """
    tables: dict[str, Any] = {}
    for text in given:
        path_of, value = _assignment(text)
        table = tables
        for name in path_of[:-1]:
            table = table.setdefault(name, {})
        if path_of[-1] in table:
            raise Failure(f"{OPTION} {text}: it is given twice; leave one of both", BAD_INPUT)
        table[path_of[-1]] = value
    try:
        return parameters_with(path, tables, OPTION)
    except ParametersError as error:
        raise Failure(str(error), BAD_INPUT) from None


def _assignment(text: str) -> tuple[list[str], Any]:
    """Detector, perhaps its method, and parameter; and the value as TOML has it."""
    name, equals, value = text.partition("=")
    path = [part.strip() for part in name.split(".")]
    if not equals or not 2 <= len(path) <= 3 or not all(path):
        raise Failure(
            f"{OPTION} {text}: write detector.parameter=value, as in thermal-path.limit_k=2.0;"
            " `coldplate detectors --toml` has them all", BAD_INPUT,
        )  # fmt: skip
    try:
        return path, tomllib.loads(f"it = {value}")["it"]
    except tomllib.TOMLDecodeError:
        # It is refused as what it is, by whoever knows what is allowed.
        return path, value.strip()


def changes(current: Parameters, proposed: Parameters) -> list[dict[str, Any]]:
    """Every number that differs: whose, for whom, old and new; None where one of both gives none for that place."""
    old, new = _numbers(current), _numbers(proposed)
    return [
        {
            "detector": detector, "parameter": parameter, "place": place,
            "old": old.get((place, detector, parameter)), "new": new.get((place, detector, parameter)),
        }
        for place, detector, parameter in dict.fromkeys([*old, *new])
        if old.get((place, detector, parameter)) != new.get((place, detector, parameter))
    ]  # fmt: skip


def _numbers(of: Parameters) -> dict[tuple[str, str, str], float]:
    """By place (`all`, or such as `rack rack-0003`), detector and parameter."""
    return {
        (place, detector.name, name): parameter.default
        for place, detector in _everyone(of)
        for name, parameter in parameters_of(detector).items()
    }


def _everyone(of: Parameters) -> Iterator[tuple[str, Detector]]:
    yield from (("all", d) for d in of.detectors)
    yield from ((f"{o.place} {o.value}", d) for o in of.overrides for d in o.detectors)
