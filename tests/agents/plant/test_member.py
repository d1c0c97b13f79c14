"""What a member does, and who it is."""

from contextlib import closing

import pytest

from coldplate.agents.plant.identity import MemberFile, StateFolderError
from coldplate.agents.plant.lease import Terms
from coldplate.agents.plant.member import Member, RoleState
from coldplate.wire.lease import LeaseRecord

LEASE_S = 6.0


class Log:
    """A log whose broker stamps by the members' own time."""

    def __init__(self):
        self.entries, self.now_s = [], 100.0

    def write(self, record):
        if record is not None:
            self.entries.append((int(1000 * self.now_s), record))


class Reader:
    """A member that reads the log whenever it is asked, as long as its link is there."""

    def __init__(self, log, name, boot=1):
        self.log, self.linked, self._read = log, True, len(log.entries)
        self.member = Member("hall", name, boot, lease_s=LEASE_S, hold_s=2.0, tick_ms=1000)
        terms = Terms(self.member.lease_ms, whole=True)
        for offset, entry in enumerate(log.entries):
            terms.take(offset, *entry)
        self.member.begin_anew(terms, log.now_s)

    def beat(self, *, ticks=True):
        if not self.linked:
            return
        for offset in range(self._read, len(self.log.entries)):
            self.member.heard(offset, *self.log.entries[offset], self.log.now_s)
        self._read = len(self.log.entries)
        self.member.looked(self.log.now_s)
        if ticks:
            self.member.ticked(self.log.now_s)
        self.log.write(self.member.next(self.log.now_s, int(1000 * self.log.now_s)))

    @property
    def state(self):
        return self.member.state(self.log.now_s)


def passing(log, readers, seconds, **how):
    for _ in range(round(10 * seconds)):
        log.now_s += 0.1
        for reader in readers:
            reader.beat(**how)


def test_the_first_leads_and_the_second_stands_by():
    """From the first records on."""
    log = Log()
    pair = Reader(log, "a"), Reader(log, "b")
    passing(log, pair, 1.0)
    assert [RoleState.LEADING, RoleState.STANDING_BY] == [r.state for r in pair]


def test_who_is_cut_off_says_so():
    """Leading or not: without the log it knows nothing."""
    log = Log()
    pair = Reader(log, "a"), Reader(log, "b")
    passing(log, pair, 1.0)
    for reader in pair:
        reader.linked = False
    passing(log, pair, LEASE_S + 1)
    assert [RoleState.CUT_OFF, RoleState.CUT_OFF] == [r.state for r in pair]


def test_after_kafka_was_away_for_all_the_lease_stays_where_it_was():
    """Who comes back first does not claim before the holder has had time to speak."""
    log = Log()
    pair = Reader(log, "a"), Reader(log, "b")
    passing(log, pair, 1.0)
    for reader in pair:
        reader.linked = False
    passing(log, pair, 60.0)
    pair[1].linked = True
    passing(log, pair, 3.0)
    pair[0].linked = True
    passing(log, pair, 10.0)
    assert [RoleState.LEADING, RoleState.STANDING_BY] == [r.state for r in pair]
    assert 1 == sum(record.kind == "claim" for _, record in log.entries)


def test_a_holder_that_samples_no_more_lets_its_lease_run_out():
    """A process whose loop hangs must not keep the other from reading the water."""
    log = Log()
    first = Reader(log, "a")
    passing(log, [first], 1.0)
    second = Reader(log, "b")
    for _ in range(150):
        passing(log, [first], 0.1, ticks=False)
        passing(log, [second], 0.1)
    assert [False, True] == [r.member.holds for r in (first, second)]


def test_a_process_that_starts_again_takes_its_member_s_lease():
    """Without waiting for it to run out."""
    log = Log()
    passing(log, [Reader(log, "a")], 1.0)
    again = Reader(log, "a", boot=2)
    passing(log, [again], 0.5)
    assert again.member.holds


def test_two_of_one_name_do_not_take_the_lease_from_each_other_for_ever():
    """A copied configuration costs one change."""
    log = Log()
    first = Reader(log, "a")
    passing(log, [first], 1.0)
    second = Reader(log, "a", boot=2)
    passing(log, [first, second], 30.0)
    assert [False, True] == [r.member.holds for r in (first, second)]
    assert 2 == sum(record.kind == "claim" for _, record in log.entries)


def test_the_first_term_of_a_log_may_begin_with_what_was_sampled_before():
    """Kafka came late, and nobody else had those ticks."""
    log = Log()
    reader = Reader(log, "a")
    passing(log, [reader], 0.3)
    assert 101_000 == reader.member.begin(log.now_s, 100_300, 42_000)
    passing(log, [reader], 0.3)
    assert 42_000 == log.entries[-1][1].from_tick_ms


def test_a_leave_is_bounded_by_what_can_have_been_sent():
    """A clock that is an hour ahead must not keep the next one waiting for an hour."""
    log = Log()
    reader = Reader(log, "a")
    passing(log, [reader], 0.3)
    left = reader.member.leave(4_000_000)
    assert isinstance(left, LeaseRecord)
    assert 108_000 >= left.until_tick_ms


def test_a_state_folder_has_one_process_and_one_name(tmp_path):
    """Locked while it lives; the same name afterwards."""
    with closing(MemberFile(tmp_path, "host-a")) as first:
        name = first.name
        with pytest.raises(StateFolderError, match="another agent uses it"):
            MemberFile(tmp_path)
    assert name.startswith("host-a/")
    with closing(MemberFile(tmp_path, "host-a")) as again:
        assert name == again.name


def test_two_folders_are_two_members(tmp_path):
    """Even of hosts with the same name."""
    with closing(MemberFile(tmp_path / "1", "h")) as one, closing(MemberFile(tmp_path / "2", "h")) as two:  # fmt: skip
        assert one.name != two.name


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path):
    """With the option that names another."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StateFolderError, match=r"agent\.state_dir"):
        MemberFile(tmp_path / "file")
