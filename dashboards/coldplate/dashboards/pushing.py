"""Brings the folder, the data source and the dashboards to a Grafana, and overwrites nothing that somebody else made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from coldplate.dashboards.answer import line
from coldplate.dashboards.board import FOLDER, FOLDER_UID
from coldplate.dashboards.drift import Found, Model, State, choice_of, fitted, judge, message
from coldplate.dashboards.errors import GrafanaError
from coldplate.dashboards.grafana import Grafana
from coldplate.dashboards.query import PLUGIN
from coldplate.dashboards.source import Source

NOT_TRIED = "not tried, after what came before"


@dataclass(frozen=True, slots=True)
class Failed:
    """Something that was not written.

    Parameters
    ----------
    what
        `dashboard coldplate-hall`.
    why
        And what to do.
    error
        Where Grafana did not do it; None where we did not ask it to.
    """

    what: str
    why: str
    error: GrafanaError | None = None


@dataclass(slots=True)
class Pushed:
    """What became of each."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a Grafana is to have.

    Parameters
    ----------
    models
        The dashboards.
    version
        Of coldplate, for the versions' messages.
    source
        The data source to make; None makes none.
    source_uid
        One that is there, to be used instead; "" leaves what the dashboards show.
    folder
        Title of the folder, where it must be made.
    overwrite
        Replace what somebody changed.
    new_password
        Write the data source although only its password can differ.
    """

    models: Sequence[Model]
    version: str
    source: Source | None = None
    source_uid: str = ""
    folder: str = FOLDER
    overwrite: bool = False
    new_password: bool = False


def push(grafana: Grafana, wanted: Wanted) -> Pushed:
    """Write what differs; what Grafana refuses stops nothing but itself, unless the rest cannot do without.

    Parameters
    ----------
    grafana
        Where to.
    wanted
        What it is to have.
    """
    done = Pushed()
    names = [f"dashboard {model['uid']}" for model in wanted.models]
    goes_on = _try(done, f"folder {FOLDER_UID}", lambda: _folder(grafana, wanted, done))
    choice: dict[str, Any] | None = None
    if goes_on and (wanted.source or wanted.source_uid):
        uid = wanted.source.uid if wanted.source else wanted.source_uid
        chosen: list[dict[str, Any]] = []
        goes_on = _try(
            done, f"data source {uid}", lambda: chosen.append(_source(grafana, wanted, done))
        )
        choice = chosen[0] if chosen else None
        goes_on = goes_on and choice is not None
    for name, model in zip(names, wanted.models, strict=True):
        if goes_on:
            work = _Dashboard(grafana, wanted, done, model, choice)
            # A server that is away stays away for the others; a refusal is of this one alone.
            goes_on = _try(done, name, work.push) or not _lost(done)
        else:
            done.failed.append(Failed(name, NOT_TRIED))
    return done


def look(grafana: Grafana, models: Sequence[Model]) -> list[Found]:
    """How each dashboard in a Grafana is to ours; with the data source that is chosen there."""
    return [_look(grafana, model, None) for model in models]


def _try(done: Pushed, what: str, work: Callable[[], None]) -> bool:
    try:
        work()
    except GrafanaError as error:
        done.failed.append(Failed(what, str(error), error))
        return False
    except _KeptBackError as error:
        done.failed.append(Failed(what, str(error)))
        return False
    return True


def _lost(done: Pushed) -> bool:
    error = done.failed[-1].error
    return error is not None and (error.away or error.stranger)


class _KeptBackError(Exception):
    """We do not write this, and say why."""


def _folder(grafana: Grafana, wanted: Wanted, done: Pushed) -> None:
    what = f"folder {FOLDER_UID}"
    # Its title is people's: who renamed it keeps the name.
    if grafana.folder(FOLDER_UID) is not None:
        done.unchanged.append(what)
        return
    try:
        grafana.create_folder(FOLDER_UID, wanted.folder)
    except GrafanaError as error:
        if not error.conflict:
            raise
        # An attempt whose answer was lost has made it already.
        if grafana.folder(FOLDER_UID) is None:
            raise _KeptBackError(
                f"{error}; another folder is called {wanted.folder!r}: name ours otherwise with --folder"
            ) from None
    done.created.append(what)


def _source(grafana: Grafana, wanted: Wanted, done: Pushed) -> dict[str, Any]:
    """Its name and uid, for the dashboards."""
    uid, source = wanted.source_uid, wanted.source
    if source is None:
        chosen = _chosen(grafana, uid)
        done.unchanged.append(f"data source {uid}")
        return chosen
    what, there = f"data source {source.uid}", grafana.source(source.uid)
    if there is None:
        there = _create(grafana, source)
        if there is None:
            done.created.append(what)
            return {"text": source.name, "value": source.uid}
    _check_type(there)
    if source.is_met(there) and not wanted.new_password:
        done.unchanged.append(what)
    elif there.get("readOnly"):
        raise _KeptBackError(f"it is provisioned from a file; change that, or use it as it is with --datasource-uid {source.uid}")  # fmt: skip
    else:
        grafana.update_source(source.uid, source.body(there))
        done.updated.append(what)
    return {"text": source.name, "value": source.uid}


def _chosen(grafana: Grafana, uid: str) -> dict[str, Any]:
    try:
        there = grafana.source(uid)
    except GrafanaError as error:
        if error.status != 403:
            raise
        # An editor may push dashboards and may not look at data sources.
        return {"text": uid, "value": uid}
    if there is None:
        raise _KeptBackError("there is no data source of this uid")
    _check_type(there)
    return {"text": str(there.get("name")), "value": uid}


def _create(grafana: Grafana, source: Source) -> dict[str, Any] | None:
    """Make it; the one that is there after all when Grafana says so."""
    namesake = grafana.source_named(source.name)
    if namesake is not None and namesake.get("uid") != source.uid:
        raise _KeptBackError(
            f"somebody's data source with the uid {line(str(namesake.get('uid')))} is called {source.name!r}:"
            " use it with --datasource-uid, or name ours otherwise with --datasource-name"
        )
    try:
        grafana.create_source(source.uid, source.body())
    except GrafanaError as error:
        there = grafana.source(source.uid) if error.conflict else None
        if there is None:
            raise
        return there
    return None


def _check_type(there: dict[str, Any]) -> None:
    if there.get("type") != PLUGIN:
        raise _KeptBackError(f"the data source of this uid is a {line(str(there.get('type')))}, not a {PLUGIN}")  # fmt: skip


def _look(grafana: Grafana, model: Model, choice: dict[str, Any] | None) -> Found:
    uid = str(model["uid"])
    answer = grafana.dashboard(uid)
    if answer is None:
        return judge(fitted(model, choice), None, None, FOLDER_UID)
    ours = fitted(model, choice or choice_of(answer["dashboard"]))
    return judge(ours, answer, grafana.newest_version(uid), FOLDER_UID)


@dataclass(frozen=True, slots=True)
class _Dashboard:
    """One dashboard on its way."""

    grafana: Grafana
    wanted: Wanted
    done: Pushed
    model: Model
    choice: dict[str, Any] | None

    def push(self) -> None:
        found = self._look()
        what = f"dashboard {found.uid}"
        if found.state is State.SAME:
            self.done.unchanged.append(what)
            return
        self._check(found)
        try:
            self.grafana.save(found.uid, self._body(found))
        except GrafanaError as error:
            if not error.conflict:
                raise
            # Written by an attempt whose answer was lost, or by somebody while we looked.
            now = self._look()
            if now.state is not State.SAME:
                raise _KeptBackError(f"{error}; {_whose(now)}, just now: push again") from None
        (self.done.created if found.state is State.MISSING else self.done.updated).append(what)

    def _look(self) -> Found:
        return _look(self.grafana, self.model, self.choice)

    def _body(self, found: Found) -> dict[str, Any]:
        # Never with `overwrite`: the version that we looked at is the only one that is replaced.
        return {
            "dashboard": {**found.ours, "id": None, "version": found.version},
            "folderUid": FOLDER_UID, "overwrite": False,
            "message": message(found.ours, self.wanted.version),
        }  # fmt: skip

    def _check(self, found: Found) -> None:
        if found.state is State.PROVISIONED:
            raise _KeptBackError("it is provisioned from a file; change the file, or take it away")
        if found.state is State.ELSEWHERE:
            raise _KeptBackError(
                f"a dashboard of this uid is in the folder {found.folder or 'General'!r}, not in {FOLDER_UID!r}:"
                " move it there, or delete it, in Grafana"
            )
        if found.state is State.CHANGED and not self.wanted.overwrite:
            raise _KeptBackError(
                f"{_whose(found)}: look with `coldplate dashboards diff`, keep it with `coldplate dashboards pull`,"
                " then replace it with --overwrite"
            )


def _whose(found: Found) -> str:
    if found.state in (State.CHANGED, State.BEHIND):
        return f"{found.by} changed it at {found.at} (version {found.version})"
    return f"it is {found.state} by now"
