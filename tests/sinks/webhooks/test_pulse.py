"""The dead man's switch is fed by frames that passed, never by a timer."""

from dataclasses import dataclass

import pytest

from coldplate.sinks.webhooks.pulse import Pulse, PulseUnknown

NOW_S = 1_800_000_000.0


@dataclass
class Ends:
    """Both ends as a test sets them."""

    newest_ms: int | str | None = 0
    total: int | str = 0

    def newest_stored_ms(self):
        if isinstance(self.newest_ms, str):
            raise PulseUnknown(self.newest_ms)
        return self.newest_ms

    def judged(self):
        if isinstance(self.total, str):
            raise PulseUnknown(self.total)
        return self.total


def beats(*looks):
    """One beat a look, 70 seconds apart."""
    ends = Ends()
    pulse = Pulse(ends, 60.0)
    out = []
    for number, (age_s, total) in enumerate(looks):
        now_s = NOW_S + 70 * number
        ends.newest_ms = int((now_s - age_s) * 1000) if isinstance(age_s, float) else age_s
        ends.total = total
        out.append(pulse.look(now_s))
    return out


def test_frames_that_are_judged_and_stored_are_a_beat():
    """And the first look already is one, though nothing can have moved before it."""
    assert [True, True] == [b.passes for b in beats((2.0, 5), (3.0, 9))]


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ((90.0, 9), "90 s old"),
        ((None, 9), "no frame"),
        (("connection refused", 9), "the history does not answer (connection refused)"),
        ((2.0, 5), "the worker has judged nothing"),
        ((2.0, "no broker"), "Kafka does not answer (no broker)"),
    ],
)
def test_an_end_that_stands_still_or_is_silent_is_no_beat(second, said):
    """Each is named."""
    beat = beats((2.0, 5), second)[1]
    assert not beat.passes
    assert said in beat.why


def test_a_worker_that_acknowledges_now_and_then_is_not_still():
    """It does so batch by batch, and looks may come more often."""
    ends = Ends(int(NOW_S * 1000), 5)
    pulse = Pulse(ends, 60.0)
    assert [True] * 4 == [pulse.look(NOW_S + at_s).passes for at_s in (0, 5, 10, 15)]


def test_a_beat_comes_back_when_both_ends_move_again():
    """Nobody has to restart anything."""
    assert [True, False, True] == [b.passes for b in beats((2.0, 5), (80.0, 5), (2.0, 6))]
