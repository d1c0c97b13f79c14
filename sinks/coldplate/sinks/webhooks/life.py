"""What an incident is for a person: what detection says of it, and what people did about it.

A fold over the records of `coldplate.incidents` and `coldplate.actions`: whatever the order between the two, the end is
the same, because whoever acknowledges or closes names the record that he knew. The alerter uses it, and the view
`incidents_now` of the history says the same (schema/0011_actions.sql; a test holds them together).
"""

import msgspec

from coldplate.wire.action import Action, Outcome, Verb
from coldplate.wire.incident import Incident, Severity, State

RANK = {severity: n for n, severity in enumerate(Severity)}
"""How bad, as a number."""

TURNS_MAX = 256
"""An incident that flaps for weeks keeps its newest turns."""


class Turning(msgspec.Struct, frozen=True, array_like=True):
    """A record at which severity changed, or that opened a closed incident.

    Parameters
    ----------
    step
        Of the record.
    rank
        Of its severity.
    is_open
        Its state.
    reopened
        The record before it was closed.
    """

    step: int
    rank: int
    is_open: bool
    reopened: bool = False


class Said(msgspec.Struct, frozen=True):
    """The last that people said in one respect.

    Parameters
    ----------
    t_ms, id
        Of the action; they order actions of the same step.
    who, text
        As in it.
    step
        The record that `who` knew; of a mark 0.
    outcome
        Of a mark.
    """

    t_ms: int
    id: str
    who: str
    text: str = ""
    step: int = 0
    outcome: Outcome | None = None


class Life(msgspec.Struct):
    """One incident.

    Parameters
    ----------
    incident
        The newest record; None while only actions are known.
    acked, closed, marked
        The last of each verb, whether it still counts or not.
    turns
        Where severity changed and where detection reopened it, by step.
    """

    incident: Incident | None = None
    acked: Said | None = None
    closed: Said | None = None
    marked: Said | None = None
    turns: list[Turning] = []

    @property
    def open(self) -> bool:
        """Whether anybody has to think of it."""
        known = self.incident is not None and self.incident.state is State.OPEN
        return known and not self.closed_by

    @property
    def acked_by(self) -> str:
        """Who takes care of it; "" for nobody, and after detection reopened it."""
        said = self.acked
        if said is None or any(t.reopened and t.step > said.step for t in self.turns):
            return ""
        return said.who

    @property
    def acked_ms(self) -> int | None:
        """Since when."""
        return self.acked.t_ms if self.acked is not None and self.acked_by else None

    @property
    def closed_by(self) -> str:
        """Who said that it is over; "" for nobody, and when it was reopened."""
        if self.closed is None or self._reopened_at(self.closed.step) is not None:
            return ""
        return self.closed.who

    @property
    def closed_ms(self) -> int | None:
        """When it was over, whoever said it first; None while it is not."""
        said = self.closed.t_ms if self.closed is not None and self.closed_by else None
        if self.incident is None or self.incident.state is State.OPEN:
            return said
        ended = self.incident.closed_ms
        ended = self.incident.updated_ms if ended is None else ended
        return ended if said is None else min(ended, said)

    @property
    def outcome(self) -> Outcome | None:
        """What it turned out to be."""
        return self.marked.outcome if self.marked else None

    @property
    def outcome_text(self) -> str:
        """What who marked it added."""
        return self.marked.text if self.marked else ""

    @property
    def outcome_by(self) -> str:
        """Who marked it."""
        return self.marked.who if self.marked else ""

    @property
    def opening(self) -> int:
        """The step at which it was opened last: 0, or that at which it was reopened."""
        by_detection = max((t.step for t in self.turns if t.reopened), default=0)
        if self.closed is None:
            return by_detection
        return max(by_detection, self._reopened_at(self.closed.step) or 0)

    def take(self, record: Incident | Action) -> bool:
        """A further record; one that is older than what is known, or known, changes nothing. Whether it did."""
        if isinstance(record, Action):
            return self._act(record)
        before = self.incident
        if before is not None and record.step <= before.step:
            return False
        self.incident = record
        is_open, rank = record.state is State.OPEN, RANK[record.severity]
        reopened = is_open and before is not None and before.state is State.CLOSED
        last = self.turns[-1] if self.turns else None
        if last is None or reopened or (last.rank, last.is_open) != (rank, is_open):
            turn = Turning(record.step, rank, is_open, reopened)
            self.turns = [*self.turns, turn][-TURNS_MAX:]
        return True

    def _reopened_at(self, step: int) -> int | None:
        """The first record after `step` that says more than that one did; None when none does."""
        if not self.turns:
            return None
        known = [t for t in self.turns if t.step <= step] or self.turns[:1]
        for turn in self.turns:
            worse = turn.is_open and turn.rank > known[-1].rank
            if turn.step > step and (worse or turn.reopened):
                return turn.step
        return None

    def _act(self, action: Action) -> bool:
        name = {Verb.ACK: "acked", Verb.CLOSE: "closed", Verb.MARK: "marked"}.get(action.verb)
        if name is None:
            return False
        last: Said | None = getattr(self, name)
        # Who knew more is not overruled by who knew less; what an incident was is known best at the end.
        step = 0 if action.verb is Verb.MARK else action.step
        if last is not None and (step, action.t_ms, action.id) <= (last.step, last.t_ms, last.id):
            return False
        said = Said(action.t_ms, action.id, action.who, action.text, step, action.outcome)
        setattr(self, name, said)
        return True
