"""A folder of segments: records are appended to the newest, and the oldest goes when there is no more room.

A segment is deleted when all of its records are done. Which ones are done stands in a file beside it, so that after a
kill only those in flight are sent again. Nothing that is found here at the start keeps it from starting: a tail that is
torn is cut, what is of an unknown version or cannot be read is set aside under another name.
"""

import logging
import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from coldplate.agents.queue import Record
from coldplate.agents.spool import segment as form
from coldplate.agents.spool.sync import Syncer

log = logging.getLogger(__name__)

BAD_MAX = 8
"""Segments that are kept aside for people to look at."""

ACKS_TOGETHER = 32

SEGMENTS_MIN = 8
"""Into so many the room is divided at least, so that little is dropped at a time."""


@dataclass(slots=True)
class Segment:
    """One file. Its records are on disk alone, in memory too, done, or lost to damage.

    Parameters
    ----------
    size
        Bytes.
    records
        Ordinals given.
    newest_ms
        Event time of the newest record.
    done
        Ordinals that need not be sent any more.
    in_memory
        Records that were read and are not done.
    lost
        Records that are damaged.
    bad
        Whether it is kept aside at its end.
    """

    number: int
    path: Path
    size: int
    records: int = 0
    newest_ms: int = 0
    done: set[int] = field(default_factory=set)
    in_memory: int = 0
    lost: int = 0
    bad: bool = False

    @property
    def unread(self) -> int:
        """Records that are on disk alone."""
        return self.records - len(self.done) - self.in_memory - self.lost


class Log:
    """The segments of a folder, oldest first.

    Parameters
    ----------
    folder
        Made when it is missing; nobody else writes to it.
    bytes_max, segment_bytes
        Of all segments; of one, at about which the next is begun.
    counts
        Where to count drops and damage.
    syncer
        Who flushes to the disk: None when nobody does.
    always
        Flush before an append returns.

    Raises
    ------
    OSError
        The folder cannot be made or listed.
    """

    def __init__(
        self, folder: Path, counts: Counter[str], *, bytes_max: int, segment_bytes: int,
        syncer: Syncer | None = None, always: bool = False,
    ) -> None:  # fmt: skip
        self._folder, self._counts = folder, counts
        self._bytes_max = bytes_max
        self._segment_bytes = min(segment_bytes, bytes_max // SEGMENTS_MIN)
        self._syncer, self._always = syncer, always
        self.segments: dict[int, Segment] = {}
        self.unread = self.bytes = 0
        self.active: Segment | None = None
        self._file: int | None = None
        self._acks: dict[int, list[int]] = {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        names = sorted(p for p in folder.iterdir() if p.stem.isdigit())
        self._next = 1 + max((int(p.stem) for p in names), default=0)
        for path in names:
            if path.suffix == ".log":
                self._adopt(path)
            elif path.suffix == ".ack" and not path.with_suffix(".log").exists():
                with suppress(OSError):
                    path.unlink()

    def append(self, record: Record) -> None:
        """Write a record, which then has its place; it counts as in memory.

        Raises
        ------
        OSError
            It is not in the log, which is as it was.
        """
        active = self._writable()
        data = form.pack(active.records, record)
        while self.bytes + len(data) > self._bytes_max and len(self.segments) > 1:
            self._drop_oldest("dropped_spool_full")
        self._write(active, data)
        record.place = (active.number, active.records)
        active.records += 1
        active.in_memory += 1
        active.newest_ms = max(active.newest_ms, record.first_ms)

    def forget(self, record: Record) -> None:
        """A record that was just appended is not kept in memory: it will be read."""
        if record.place is not None:
            self.segments[record.place[0]].in_memory -= 1
            self.unread += 1

    def done(self, place: tuple[int, int]) -> None:
        """A record in memory need not be sent any more."""
        number, ordinal = place
        if (segment := self.segments.get(number)) is None:
            return
        segment.done.add(ordinal)
        segment.in_memory -= 1
        self._acks.setdefault(number, []).append(ordinal)
        if segment is not self.active and self.finish(segment):
            return
        if sum(map(len, self._acks.values())) >= ACKS_TOGETHER:
            self.save_acks()

    def save_acks(self) -> None:
        """Write down what is done."""
        acks, self._acks = self._acks, {}
        for number, ordinals in acks.items():
            if number in self.segments:
                path = self.segments[number].path.with_suffix(".ack")
                # What cannot be written down is sent again after a kill, and has the same identity.
                with suppress(OSError), path.open("ab", buffering=0) as file:
                    file.write(form.pack_acks(number, ordinals))

    def finish(self, segment: Segment) -> bool:
        """Delete a complete segment when nothing of it is left to send, or set it aside when it is bad."""
        if segment.unread or segment.in_memory:
            return False
        self._remove(segment, aside=segment.bad)
        return True

    def damaged(self, segment: Segment, missing: int) -> None:
        """So many records of a segment are not what was written."""
        if not segment.bad:
            segment.bad = True
            self._counts["spool_bad_segments"] += 1
            log.warning("%s is damaged; what is intact of it is sent", segment.path)
        segment.lost += missing
        self.unread -= missing
        self._counts["dropped_spool_damaged"] += missing

    def unreadable(self, segment: Segment, error: OSError) -> None:
        """A segment cannot be read."""
        log.warning("%s cannot be read (%s) and is set aside", segment.path, error)
        self._counts["spool_bad_segments"] += 1
        if segment is self.active:
            self.roll()
        self._drop(segment, "dropped_spool_damaged", aside=True)

    def expire(self, oldest_ms: int) -> None:
        """Drop whole segments whose newest record is of before that time."""
        while self.segments:
            first = next(iter(self.segments.values()))
            if first is self.active or first.newest_ms >= oldest_ms:
                return
            self._drop(first, "dropped_spool_old")

    def roll(self) -> None:
        """Complete the newest segment; the next append begins another."""
        active, self.active = self.active, None
        file, self._file = self._file, None
        if active is None or file is None:
            return
        with suppress(OSError):
            self.bytes += self._put(file, form.footer(active.records, active.newest_ms))
            self._flush(active, file)
        os.close(file)
        self.finish(active)

    def close(self) -> None:
        """Write down what is done, and complete the newest segment."""
        self.save_acks()
        self.roll()

    def _writable(self) -> Segment:
        if self.active is not None and self.active.size >= self._segment_bytes:
            self.roll()
        if self.active is None or self._file is None:
            path = self._folder / f"{self._next:016d}.log"
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            self._next += 1
            try:
                size = self._put(file, form.header(int(path.stem)))
                if self._always:
                    _sync_folder(self._folder)
                elif self._syncer is not None:
                    self._syncer.touch_folder(self._folder)
            except OSError:
                os.close(file)
                with suppress(OSError):
                    path.unlink()
                raise
            self._file, self.active = file, Segment(int(path.stem), path, size)
            self.segments[self.active.number] = self.active
            self.bytes += size
        return self.active

    def _write(self, active: Segment, data: bytes) -> None:
        file = self._file
        assert file is not None
        try:
            self._put(file, data)
            self._flush(active, file)
        except OSError:
            # Half a record would be found damaged; and who cannot cut it begins another segment.
            try:
                os.ftruncate(file, active.size)
            except OSError:
                self.roll()
            raise
        active.size += len(data)
        self.bytes += len(data)

    def _put(self, file: int, data: bytes) -> int:
        written = os.write(file, data)
        if written < len(data):
            # The disk took a part; asked for the rest it says why.
            written += os.write(file, data[written:])
        if written < len(data):
            raise OSError(f"only {written} of {len(data)} bytes were written")
        return written

    def _flush(self, active: Segment, file: int) -> None:
        if self._always:
            os.fsync(file)
        elif self._syncer is not None:
            self._syncer.touch(active.path, file)

    def _adopt(self, path: Path) -> None:
        """Take over a segment that an earlier process has left."""
        number = int(path.stem)
        segment = Segment(number, path, 0)
        try:
            found = _look(path)
            acks = path.with_suffix(".ack")
            done = form.read_acks(number, acks.read_bytes()) if acks.exists() else set()
        except (OSError, form.UnknownVersion) as error:
            log.warning("%s cannot be read (%s) and is set aside", path, error)
            self._counts["spool_bad_segments"] += 1
            self._remove(segment, aside=True)
            return
        segment.size, segment.records, segment.newest_ms = (
            found.size,
            found.records,
            found.newest_ms,
        )
        segment.done = {o for o in done if o < found.records}
        self._counts["spool_torn_tails"] += found.torn
        self.segments[number] = segment
        self.bytes += segment.size
        self.unread += segment.unread
        self.finish(segment)

    def _drop_oldest(self, count: str) -> None:
        self._drop(next(iter(self.segments.values())), count)

    def _drop(self, segment: Segment, count: str, *, aside: bool = False) -> None:
        """Of what is in memory already nothing is lost."""
        self._counts[count] += segment.unread
        self.unread -= segment.unread
        self._remove(segment, aside=aside or segment.bad)

    def _remove(self, segment: Segment, *, aside: bool) -> None:
        if self.segments.pop(segment.number, None) is not None:
            self.bytes -= segment.size
        self._acks.pop(segment.number, None)
        with suppress(OSError):
            if aside:
                segment.path.rename(segment.path.with_suffix(".bad"))
                for old in sorted(self._folder.glob("*.bad"))[:-BAD_MAX]:
                    old.unlink()
            else:
                segment.path.unlink()
            segment.path.with_suffix(".ack").unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Found:
    size: int
    records: int
    newest_ms: int
    torn: bool


def _look(path: Path) -> _Found:
    """What a segment holds: as its footer says, or else as its records do, and then its tail is cut and it gets one."""
    with path.open("rb") as file:
        form.check_header(file.read(form.HEADER_BYTES))
        size = file.seek(0, os.SEEK_END)
        file.seek(max(form.HEADER_BYTES, size - form.FOOTER_BYTES))
        if (told := form.read_footer(file.read())) is not None:
            return _Found(size, *told, torn=False)
        file.seek(0)
        data = file.read()
    records, end, newest_ms = 0, min(size, form.HEADER_BYTES), 0
    for ordinal, after, body in form.scan(data):
        records, end = max(records, ordinal + 1), after
        newest_ms = max(newest_ms, form.unpack(body).first_ms)
    torn = end < size
    with suppress(OSError), path.open("r+b") as file:
        # On a disk that cannot be written to it stays as it is, and is looked through again next time.
        file.truncate(end)
        file.seek(end)
        size = end + file.write(form.footer(records, newest_ms))
    return _Found(size, records, newest_ms, torn)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
