"""The queue of what waits to be sent: order, what gives way, what comes back."""

from hypothesis import given
from hypothesis import strategies as st

from coldplate.agents.queue import IN_FLIGHT_MAX, RecordQueue

SIZE = 10


def queue(records: int) -> RecordQueue:
    """Room for so many records, half of them in flight."""
    return RecordQueue(records * SIZE)


def put(made: RecordQueue, name: str, topic: str = "frames", *, urgent: bool = False) -> None:
    """`a3` is a record of the key `a`."""
    made.put(topic, name[:1].encode(), name.encode().ljust(SIZE), urgent=urgent)


def drained(made: RecordQueue) -> list[str]:
    """Names of all that may be taken, each done at once."""
    out = []
    while (record := made.take()) is not None:
        out.append(record.value.decode().strip())
        made.done(record, "acknowledged")
    return out


def test_ordinary_records_leave_as_they_came() -> None:
    """First in, first out, over all keys."""
    made = queue(100)
    for name in ("a1", "b1", "a2", "c1"):
        put(made, name)
    assert ["a1", "b1", "a2", "c1"] == drained(made)


def test_an_urgent_record_overtakes_other_keys_and_never_its_own() -> None:
    """What waits of its own key goes just before it, what came after it does not."""
    made = queue(100)
    for name in ("a1", "b1", "c1", "b2"):
        put(made, name)
    put(made, "b3", urgent=True)
    put(made, "b4")
    put(made, "c2", urgent=True)
    assert ["b1", "b2", "b3", "c1", "c2", "a1", "b4"] == drained(made)


def test_an_event_waits_for_one_urgent_frame_at_most() -> None:
    """Topics take turns, though a hall's urgent frames came before."""
    made = queue(100)
    for i in range(5):
        put(made, f"{i}", urgent=True)
    assert made.take() is not None
    put(made, "4 xid", "events", urgent=True)
    assert ["1", "4 xid", "2", "3", "4"] == drained(made)


def test_the_oldest_ordinary_record_of_any_topic_gives_way_first() -> None:
    """Urgent ones stay until nothing ordinary is left, and then the oldest of them goes."""
    made = queue(4)
    put(made, "a1", "events", urgent=True)
    for name in ("a2", "b1"):
        put(made, name)
    put(made, "x1", "other")
    put(made, "a3", urgent=True)
    assert {"taken": 5, "dropped_queue_full": 1} == made.counts
    for name in ("c1", "d1"):
        put(made, name, urgent=True)
    assert ["a1", "a3", "c1", "d1"] == drained(made)
    for name in ("a4", "b2", "c2", "d2", "e2"):
        put(made, name, urgent=True)
    assert ["b2", "c2", "d2", "e2"] == drained(made)


def test_half_of_the_bytes_may_be_in_flight() -> None:
    """So the newest record always finds one that waits, or room."""
    made = queue(4)
    for name in ("a1", "a2", "a3", "a4"):
        put(made, name)
    assert made.take() is not None
    assert made.take() is not None
    assert made.take() is None
    put(made, "a5", urgent=True)
    put(made, "a6")
    assert (2, 4) == (made.in_flight, made.pending)
    made.give_back_all()
    assert ["a1", "a2", "a5", "a6"] == drained(made)


def test_records_in_flight_are_bounded_in_number() -> None:
    """However small they are."""
    made = RecordQueue(1 << 20)
    for _ in range(IN_FLIGHT_MAX + 1):
        put(made, "a")
    taken = [made.take() for _ in range(IN_FLIGHT_MAX + 1)]
    assert taken.pop() is None
    assert None not in taken


def test_a_record_larger_than_half_of_the_queue_is_not_taken() -> None:
    """Nothing else gives way to it."""
    made = queue(4)
    put(made, "a1")
    made.put("frames", b"a", b"." * (2 * SIZE + 1), urgent=True)
    assert {"taken": 2, "dropped_too_large": 1} == made.counts
    assert ["a1"] == drained(made)


def test_a_topic_may_be_left_out() -> None:
    """The others go on, and it keeps its place."""
    made = queue(100)
    put(made, "a1", "events", urgent=True)
    put(made, "a2")
    record = made.take(without={"events"})
    assert (record and record.topic) == "frames"
    assert made.take(without={"events"}) is None
    assert ["a1"] == drained(made)


def test_what_comes_back_is_before_what_waits() -> None:
    """One by one and all together, in its own order."""
    made = queue(100)
    for i in range(6):
        put(made, f"a{i}")
    taken = [r for _ in range(4) if (r := made.take()) is not None]
    made.give_back(taken[-1])
    assert 3 == made.give_back_all()
    assert [f"a{i}" for i in range(6)] == drained(made)


def test_only_what_is_in_flight_ends_or_comes_back() -> None:
    """Twice said is once done: neither the bytes nor the counts are wrong after it."""
    made = queue(4)
    for name in ("a1", "a2"):
        put(made, name)
    first, second = made.take(), made.take()
    assert first is not None
    assert second is not None
    made.done(first, "acknowledged")
    made.done(first, "acknowledged")
    made.give_back(first)
    made.give_back(second)
    made.give_back(second)
    made.done(second, "acknowledged")
    assert (1, 1) == (made.counts["acknowledged"], made.pending)
    for name in ("a3", "a4", "a5"):
        put(made, name)
    assert ["a2", "a3", "a4", "a5"] == drained(made)


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("abc"), st.booleans(), st.integers(0, 2 * SIZE)),
        st.sampled_from(["take", "done", "give_back", "give_back_all"]),
    ),
    max_size=200,
)


@given(OPERATIONS)
def test_nothing_is_lost_or_doubled_and_a_key_keeps_its_order(operations: list) -> None:
    """Whatever happens: bytes within the bound, every record accounted for, each key's ends in order."""
    made, flying, ended = queue(4), [], []
    for operation in operations:
        if isinstance(operation, tuple):
            _, key, urgent, size = operation
            made.put("frames", key.encode(), b"." * size, urgent=urgent)
        elif operation == "take" and (record := made.take()) is not None:
            flying.append(record)
        elif operation == "done" and flying:
            ended.append(flying.pop(0))
            made.done(ended[-1], "acknowledged")
        elif operation == "give_back" and flying:
            made.give_back(flying.pop())
        elif operation == "give_back_all":
            assert len(flying) == made.give_back_all()
            flying.clear()
        assert 4 * SIZE >= made._bytes
        assert 2 * SIZE >= sum(len(r.value) for r in flying)
        counts = made.counts
        assert (
            counts["taken"] == made.pending + counts["acknowledged"] + counts["dropped_queue_full"]
        )
    while (record := made.take()) is not None:
        flying.append(record)
        ended.append(flying.pop(0))
        made.done(ended[-1], "acknowledged")
    for key in (b"a", b"b", b"c"):
        numbers = [r.number for r in ended if r.key == key]
        assert sorted(set(numbers)) == numbers
