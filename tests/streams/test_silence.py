"""Who fell silent, by the append times of the same partition."""

from coldplate.streams.silence import ALLOWANCE_MS, FRAMES, KEPT, Silence
from coldplate.wire.frame import Block, Head
from coldplate.wire.incident import Severity
from coldplate.wire.inventory import generate
from coldplate.wire.metric import Kind

T0 = 1_790_000_000


def head(source: str, t_s: int, ticks: int = 5, kind: Kind = Kind.GPU) -> Head:
    block = Block(int(kind), (f"{source}/0",), b"")
    return Head("test", source, "r", 1, 0, T0 + t_s, 1000, ticks, (block,))


def hear(silence: Silence, head: Head, partition: int, appended_s: float | None = None) -> None:
    """A frame that Kafka has since its last tick ended, or since `appended_s`."""
    at_s = head.tick + head.ticks - T0 if appended_s is None else appended_s
    silence.heard(head, partition, int((T0 + at_s) * 1000))


def talk(silence: Silence, source: str, first_s: int, last_s: int) -> None:
    """Frames that end every five seconds from `first_s` to `last_s`."""
    for end_s in range(first_s, last_s + 1, 5):
        hear(silence, head(source, end_s - 5), 0)


def told(silence: Silence) -> list[tuple[str, str, bool]]:
    return [(a.kind, a.subject, a.on) for a in silence.look(0)]


def test_a_node_is_told_once_when_it_is_silent_and_once_when_it_is_back() -> None:
    """After three of its frames and 5 s; the evidence says how long."""
    silence, allowed_s = Silence("test"), (FRAMES * 5000 + ALLOWANCE_MS) // 1000
    hear(silence, head("r/a", 0), 0)
    talk(silence, "r/b", 5, 5 + allowed_s)
    assert [] == told(silence)
    hear(silence, head("r/b", allowed_s + 1), 0)
    (anomaly,) = silence.look(77)
    assert ("silent-node", "r/a", True) == (anomaly.kind, anomaly.subject, anomaly.on)
    assert (Severity.WARNING, 77) == (anomaly.severity, anomaly.arrived_ms)
    assert (21.0, 20.0) == (anomaly.evidence.value, anomaly.evidence.threshold)
    assert [] == told(silence)
    hear(silence, head("r/a", allowed_s), 0)
    assert [("silent-node", "r/a", False)] == told(silence)


def test_a_plant_source_is_a_silent_cdu() -> None:
    """Told apart by what its frames hold."""
    silence = Silence("test")
    hear(silence, head("r/cdu", 0, kind=Kind.CDU), 0)
    talk(silence, "r/a", 5, 35)
    assert [("silent-cdu", "r/cdu", True)] == told(silence)


def test_an_outage_of_everything_silences_nobody() -> None:
    """After minutes without a record the first source that is back does not make the others silent."""
    silence = Silence("test")
    for source in ("r/a", "r/b"):
        hear(silence, head(source, 0), 0)
    hear(silence, head("r/a", 600), 0)
    assert [] == told(silence)
    talk(silence, "r/a", 610, 630)
    assert [("silent-node", "r/b", True)] == told(silence)


def test_a_source_that_the_inventory_does_not_know_is_not_waited_for() -> None:
    """A node that was taken out, or sits in another's hall, pages nobody."""
    silence = Silence("test", generate(1, 2))
    for source in ("rack-0000/node-0", "rack-0000/node-9"):
        hear(silence, head(source, 0), 0)
    talk(silence, "rack-0000/node-1", 5, 35)
    assert [("silent-node", "rack-0000/node-0", True)] == told(silence)


def test_lag_silences_nobody() -> None:
    """When a partition stops as a whole, nothing can be said, whatever others do."""
    silence = Silence("test")
    for source in ("r/a", "r/b"):
        hear(silence, head(source, 0), 0)
    hear(silence, head("s/a", 600), 1)
    assert [] == told(silence)


def test_a_source_that_sends_long_frames_is_given_longer() -> None:
    """Three minutes for frames of a minute."""
    silence = Silence("test")
    hear(silence, head("r/a", 0, 60), 0)
    talk(silence, "r/b", 65, 60 + 185)
    assert [] == told(silence)
    hear(silence, head("r/b", 60 + 185), 0)
    assert [("silent-node", "r/a", True)] == told(silence)


def test_short_urgent_frames_do_not_shorten_the_patience() -> None:
    """A hurried source that calms down has the time of its full frames."""
    silence = Silence("test")
    hear(silence, head("r/a", 0, 20), 0)
    hear(silence, head("r/a", 20, 2), 0)
    talk(silence, "r/b", 22, 22 + 60)
    assert [] == told(silence)


def test_a_source_that_begins_may_send_frames_as_long_as_any_other() -> None:
    """Its first one ends at its rack's phase: one tick says nothing of ten, that of others does."""
    silence = Silence("test")
    hear(silence, head("r/a", 0, ticks=1), 0)
    for end_s in range(3, 12):
        hear(silence, head(f"r/{end_s % 10}", end_s - 10, ticks=10), 0)
        assert [] == told(silence)
    hear(silence, head("r/a", 1, ticks=10), 0)
    for end_s in range(13, 12 + 35):
        hear(silence, head(f"r/{end_s % 10}", end_s - 10, ticks=10), 0)
        assert [] == told(silence)
    hear(silence, head("r/8", 38, ticks=10), 0)
    assert [("silent-node", "r/a", True)] == told(silence)


def test_one_that_goes_on_with_short_frames_is_not_given_longer() -> None:
    """Two ticks are all that it sends; how long others' are is nothing to it."""
    silence = Silence("test")
    for end_s in (2, 4, 6):
        hear(silence, head("r/a", end_s - 2, ticks=2), 0)
    for end_s in range(7, 18):
        hear(silence, head(f"r/{end_s % 10}", end_s - 10, ticks=10), 0)
        assert [] == told(silence)
    hear(silence, head("r/18", 8, ticks=10), 0)
    assert [("silent-node", "r/a", True)] == told(silence)


def test_an_old_frame_out_of_a_spool_is_a_sign_of_life() -> None:
    """Its ticks are old, its sender is not silent."""
    silence = Silence("test")
    hear(silence, head("r/a", 5), 0)
    talk(silence, "r/b", 10, 65)
    assert [("silent-node", "r/a", True)] == told(silence)
    hear(silence, head("r/a", 0), 0, appended_s=66)
    assert [("silent-node", "r/a", False)] == told(silence)


def test_a_source_taken_over_is_silent_until_it_is_heard() -> None:
    """Nothing is told of it before, and that it is back then."""
    silence = Silence("test")
    silence.take_over("r/a", "silent-node", "r")
    hear(silence, head("r/b", 60), 0)
    assert [] == told(silence)
    hear(silence, head("r/a", 61), 0)
    assert [("silent-node", "r/a", False)] == told(silence)


def test_a_source_taken_over_may_be_back_before_anybody_looked() -> None:
    """What it had sent before it fell silent is in the topic's tail: it was silent all the same."""
    silence = Silence("test")
    for second in (0, 5):
        for source in ("r/a", "r/b"):
            hear(silence, head(source, second), 0)
    silence.take_over("r/a", "silent-node", "r")
    talk(silence, "r/b", 15, 60)
    hear(silence, head("r/a", 56), 0)
    assert [("silent-node", "r/a", False)] == told(silence)


def test_a_source_taken_over_is_not_told_of_again() -> None:
    """The worker before has told that it is silent."""
    silence = Silence("test")
    for source in ("r/a", "r/b"):
        hear(silence, head(source, 0), 0)
    silence.take_over("r/a", "silent-node", "r")
    talk(silence, "r/b", 10, 60)
    assert [] == told(silence)


def test_a_clock_that_is_ahead_silences_nobody_else() -> None:
    """Admission takes up to a minute ahead: one such node must not make its whole partition silent."""
    silence = Silence("test")
    for second in range(0, 30, 5):
        for source in ("r/a", "r/b"):
            hear(silence, head(source, second), 0)
        hear(silence, head("r/wrong", second + 50), 0, appended_s=second + 5)
    assert [] == told(silence)


def hall_talks(silence: Silence, racks: range, first_s: int, last_s: int) -> None:
    """Nodes of some racks, each rack in a partition of its own, and the hall's meters in another."""
    for end_s in range(first_s, last_s + 1, 5):
        for rack in racks:
            name = f"rack-{rack:04d}"
            frame = Head(
                "test", f"{name}/node-0", name, 1, 0, T0 + end_s - 5, 1000, 5,
                (Block(int(Kind.GPU), ("g",), b""),),
            )  # fmt: skip
            hear(silence, frame, rack)
        hear(silence, head("hall/plant", end_s - 5), 99)


def watch(silence: Silence, racks: range, first_s: int, last_s: int) -> list[tuple[str, str, bool]]:
    """A worker that reads as it comes, and looks once a second."""
    out = []
    for end_s in range(first_s, last_s + 1, 5):
        hall_talks(silence, racks, end_s, end_s)
        for second in range(end_s, end_s + 5):
            out += [(a.kind, a.subject, a.on) for a in silence.look((T0 + second) * 1000)]
    return out


def test_a_partition_of_which_nothing_is_read_is_silent_by_the_clock_of_the_others() -> None:
    """A rack alone in it, or a whole hall, whose partitions stand still with it; the hall's meters go on."""
    silence = Silence("test", generate(3, 1))
    assert [] == watch(silence, range(3), 5, 60)
    assert [] == watch(silence, range(0), 65, 75)
    assert 3 == len(watch(silence, range(0), 80, 90))
    assert [False] * 3 == [on for _, _, on in watch(silence, range(3), 95, 95)]
    assert [] == watch(silence, range(2), 100, 115)
    assert [("silent-node", "rack-0002/node-0", True)] == watch(silence, range(2), 120, 130)


def test_a_partition_that_is_read_later_silences_nobody() -> None:
    """At a start a worker may read minutes of one partition before the next one's."""
    silence = Silence("test", generate(3, 1))
    hall_talks(silence, range(2), 5, 600)
    assert [] == told(silence)
    for batch, (rack, first_s) in enumerate(((2, 5), (0, 605), (2, 305), (0, 905))):
        hall_talks(silence, range(rack, rack + 1), first_s, first_s + 300)
        for second in range(4):
            assert [] == silence.look((T0 + 4 * batch + second) * 1000)


def test_partitions_that_are_anothers_now_are_not_watched() -> None:
    """Nobody there is silent, until they are ours again and somebody whom we heard since falls silent."""
    silence = Silence("c")
    assert [] == watch(silence, range(4), 0, 30)
    silence.part({2, 3})
    assert [] == watch(silence, range(2), 30, 120)
    assert [] == watch(silence, range(4), 120, 150)
    silent = watch(silence, range(3), 150, 210)
    assert {("silent-node", "rack-0003/node-0", True)} == set(silent)


def test_one_that_was_silent_when_its_partition_went_is_not_told_to_be_back() -> None:
    """Its incident is another worker's; who has the partition next takes it over with what is open."""
    silence = Silence("c")
    assert [] == watch(silence, range(3), 0, 30)
    assert [] != watch(silence, range(2), 30, 90)
    silence.part({2})
    assert [] == watch(silence, range(3), 90, 150)


def test_a_worker_that_was_stopped_blames_nobody() -> None:
    """It has not watched; what was sent meanwhile is read one partition after the other."""
    silence = Silence("test", generate(3, 1))
    assert [] == watch(silence, range(3), 5, 60)
    hall_talks(silence, range(2), 65, 200)
    assert [] == silence.look((T0 + 200) * 1000)
    hall_talks(silence, range(3), 65, 200)
    assert [] == silence.look((T0 + 201) * 1000)


def test_who_goes_on_where_it_stopped_had_worked_on() -> None:
    """Its next tick is the one after its last; another that starts anew lost what was between."""
    silence = Silence("test")
    for source in ("r/a", "r/b"):
        hear(silence, head(source, 0), 0)
    talk(silence, "r/c", 5, 35)
    assert 2 == len(told(silence))
    hear(silence, head("r/a", 5), 0, appended_s=36)
    hear(silence, head("r/b", 30), 0, appended_s=36)
    assert [KEPT, "sends again"] == [a.evidence.note for a in silence.look(0)]
