"""Tells dashboards in a Grafana from ours: the same, not yet there, written by an older coldplate, or changed by somebody.

Every version that we write carries a message with the fingerprint of what was written. A newest version with such a
message is ours as it was written, whatever a later Grafana makes of the schema when it is read; any other is somebody's.
"""

import copy
import difflib
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from coldplate.dashboards.answer import line

OWN_TO_GRAFANA = ("id", "version", "iteration")
LINES_MAX = 40
_MESSAGE = re.compile(r"coldplate \S+ \(([0-9a-f]{12})\)")

Model = Mapping[str, Any]


class State(StrEnum):
    """How a dashboard in Grafana is to ours."""

    SAME = "same"
    MISSING = "missing"
    BEHIND = "behind"
    """As a coldplate wrote it, but ours is another by now."""
    CHANGED = "changed"
    """By somebody else."""
    ELSEWHERE = "elsewhere"
    """In a folder that is not ours."""
    PROVISIONED = "provisioned"
    """From a file; only the file can change it."""


@dataclass(frozen=True, slots=True)
class Found:
    """A dashboard of ours, and what Grafana has under its uid.

    Parameters
    ----------
    uid, state
        Which, and how it is.
    ours
        What would be written, with the data source that is chosen.
    theirs
        What is there; None when nothing is.
    version, by, at, folder
        Of what is there.
    """

    uid: str
    state: State
    ours: Model
    theirs: Model | None = None
    version: int = 0
    by: str = ""
    at: str = ""
    folder: str = ""

    def lines(self, lines_max: int = LINES_MAX) -> list[str]:
        """What differs, as a unified diff from Grafana to ours.

        Parameters
        ----------
        lines_max
            More are counted instead of shown.
        """
        if self.state is State.SAME or self.theirs is None:
            return []
        there, ours = (_text(m).splitlines() for m in (self.theirs, self.ours))
        all_lines = [
            "".join(c if c.isprintable() else "?" for c in text)
            for text in difflib.unified_diff(there, ours, "grafana", "coldplate", n=1, lineterm="")
        ]
        more = len(all_lines) - lines_max
        return all_lines if more <= 0 else [*all_lines[:lines_max], f"... {more} lines more"]


def judge(
    ours: Model, answer: Mapping[str, Any] | None, newest: Mapping[str, Any] | None, folder_uid: str
) -> Found:
    """How a dashboard is.

    Parameters
    ----------
    ours
        What would be written.
    answer
        Grafana's, with `dashboard` and `meta`; None when there is none.
    newest
        Its newest version; None when it is not told.
    folder_uid
        Where ours belong.
    """
    uid = str(ours["uid"])
    if answer is None:
        return Found(uid, State.MISSING, ours)
    meta, theirs = answer["meta"], answer["dashboard"]
    last = newest or {}
    folder = str(meta.get("folderUid") or "")
    state = State.CHANGED
    if meta.get("provisioned"):
        state = State.PROVISIONED
    elif folder != folder_uid:
        state = State.ELSEWHERE
    elif (pushed := _MESSAGE.fullmatch(str(last.get("message") or ""))) is not None:
        state = State.SAME if pushed[1] == fingerprint(ours) else State.BEHIND
    elif normalised(theirs) == normalised(ours):
        state = State.SAME
    return Found(
        uid, state, ours, theirs, _number(theirs.get("version") or meta.get("version")),
        line(str(last.get("createdBy") or meta.get("updatedBy") or "somebody")),
        line(str(last.get("created") or meta.get("updated") or "an unknown time")), line(folder),
    )  # fmt: skip


def message(model: Model, version: str) -> str:
    """What a version that we write is called.

    Parameters
    ----------
    model
        What is written.
    version
        Of coldplate.
    """
    return f"coldplate {version} ({fingerprint(model)})"


def fingerprint(model: Model) -> str:
    """The same for models that say the same."""
    text = json.dumps(normalised(model), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def normalised(model: Model) -> Model:
    """Without what Grafana numbers, and without what is null."""
    kept: Model = _without_null({k: v for k, v in model.items() if k not in OWN_TO_GRAFANA})
    return kept


def fitted(model: Model, choice: Mapping[str, Any] | None) -> Model:
    """A copy that shows this data source when it is opened.

    Parameters
    ----------
    model
        A dashboard.
    choice
        `text` and `value`, the data source's name and uid; None leaves it to Grafana.
    """
    made = copy.deepcopy(dict(model))
    if choice:
        for variable in _sources(made):
            variable["current"] = dict(choice)
    return made


def choice_of(model: Model) -> dict[str, Any] | None:
    """Which data source a dashboard shows; None when it says none."""
    for variable in _sources(model):
        current = variable.get("current")
        if isinstance(current, dict) and current.get("value"):
            return current
    return None


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _sources(model: Model) -> list[dict[str, Any]]:
    templating = model.get("templating")
    variables = templating.get("list") if isinstance(templating, dict) else None
    return [
        v for v in (variables if isinstance(variables, list) else ()) if isinstance(v, dict) and (v.get("name"), v.get("type")) == ("source", "datasource")
    ]  # fmt: skip


def _text(model: Model) -> str:
    return json.dumps(normalised(model), indent=1, sort_keys=True, ensure_ascii=False)


def _without_null(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _without_null(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_null(v) for v in value]
    return value
