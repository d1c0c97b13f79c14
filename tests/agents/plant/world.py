"""Members of a plant in a world of chance: clocks that differ, links that are cut, processes that stop and die."""

from collections import Counter
from dataclasses import dataclass, field

from coldplate.agents.gate import Verdict
from coldplate.agents.plant.lease import Terms
from coldplate.agents.plant.member import Member

TICK_MS = 1000
STEP_MS = 100
LEASE_S, HOLD_S = 6.0, 2.0
READ_AGAIN_MS = 60_000
"""A reader that begins in the middle of the log begins so long before its end at least."""


@dataclass
class Process:
    """A member's process; its spool outlives it."""

    name: str
    boot: int
    skew_ms: int
    frame_ticks: int
    spool: list = field(default_factory=list)
    cut: bool = False
    paused_until_ms: int = 0
    dead: bool = False

    def __post_init__(self):
        self.member = Member(
            "hall", self.name, self.boot, lease_s=LEASE_S, hold_s=HOLD_S, tick_ms=TICK_MS
        )
        self.read, self.term, self.next_ms, self.frame = None, None, None, []
        self.since_ms, self.last_ms = None, None
        self.sampled = 0


class World:
    """A log with a broker's clock, and who reads and writes it. `rnd` decides everything."""

    def __init__(self, rnd, names, *, skew_ms, delay_ms):
        self.rnd, self.skew_ms, self.delay_ms = rnd, skew_ms, delay_ms
        self.now_ms, self.broker_ms = 1_000_000, 0
        self.log, self.flying = [], []
        self.sent, self.dropped = Counter(), Counter()
        self.boots = Counter()
        self.skews = {n: rnd.randint(-skew_ms, skew_ms) for n in names}
        self.processes = {n: self.start(n, []) for n in names}

    def start(self, name, spool):
        self.boots[name] += 1
        ticks = self.rnd.choice([1, 2, 5])
        return Process(name, self.boots[name], self.skews[name], ticks, spool)

    def step(self, chaos):
        """Let 100 ms pass."""
        self.now_ms += STEP_MS
        self._deliver()
        if chaos:
            for name, process in list(self.processes.items()):
                self._trouble(name, process)
        for process in self.processes.values():
            if not process.dead and self.now_ms >= process.paused_until_ms:
                self._run(process)

    def calm(self):
        """Everybody is connected and running again, all clocks agree with the broker's; who is dead stays dead."""
        self.broker_ms = 0
        for process in self.processes.values():
            process.cut, process.paused_until_ms = False, 0

    def leaders(self):
        """Names of those that lead and sample."""
        return [
            p.name
            for p in self.processes.values()
            if not p.dead and p.member.holds and p.term is not None
        ]

    def _trouble(self, name, process):
        rnd = self.rnd
        if rnd.random() < 0.01:
            process.cut = not process.cut
        if rnd.random() < 0.004:
            process.paused_until_ms = self.now_ms + rnd.randint(1000, 20_000)
        if rnd.random() < 0.004:
            process.dead = True
        elif process.dead and rnd.random() < 0.02:
            self.processes[name] = self.start(name, process.spool)
        if rnd.random() < 0.002:
            self.broker_ms = rnd.randint(-self.skew_ms, self.skew_ms)
        if rnd.random() < 0.002 and not process.dead:
            process.read = None  # it opens the log anew

    def _deliver(self):
        due = [f for f in self.flying if f[0] <= self.now_ms]
        self.flying = [f for f in self.flying if f[0] > self.now_ms]
        self.log += [(self.now_ms + self.broker_ms, record) for _, record in due]

    def _run(self, p):
        now_s = self.now_ms / 1000
        if not p.cut:
            self._read(p, now_s)
        if not p.member.blind and (record := p.member.next(now_s, self.now_ms + p.skew_ms)):
            # What is written while the link is cut may be lost, or come much later.
            late_ms = self.delay_ms if not p.cut else 30 * self.delay_ms
            if not p.cut or self.rnd.random() < 0.3:
                self.flying.append((self.now_ms + self.rnd.randint(20, late_ms), record))
        self._sample(p, now_s)
        if not p.cut and self.rnd.random() < 0.5:
            self._send(p)

    def _read(self, p, now_s):
        if p.read is None:
            old = [i for i, (at, _) in enumerate(self.log) if self.now_ms - at > READ_AGAIN_MS]
            start = self.rnd.choice(old) if old and self.rnd.random() < 0.5 else 0
            terms = Terms(p.member.lease_ms, whole=start == 0)
            for offset in range(start, len(self.log)):
                terms.take(offset, *self.log[offset])
            p.member.begin_anew(terms, now_s)
            p.read = len(self.log)
            return
        until = self.rnd.randint(p.read, len(self.log))
        for offset in range(p.read, until):
            p.member.heard(offset, *self.log[offset], now_s)
        p.read = until
        if until == len(self.log):
            p.member.looked(now_s)

    def _sample(self, p, now_s):
        wall_ms = self.now_ms + p.skew_ms
        term = p.member.terms.present.number if p.member.holds else None
        if term != p.term or (p.next_ms is None and p.member.blind):
            self._flush(p)
            p.term = term
            if term is not None:
                recent = p.last_ms is not None and wall_ms - p.last_ms < 5000
                p.next_ms = p.member.begin(now_s, wall_ms, p.since_ms if recent else None)
                p.since_ms = p.since_ms if recent else None
            else:
                p.next_ms = (wall_ms // TICK_MS + 1) * TICK_MS if p.member.blind else None
        if term is None and not p.member.blind:
            p.next_ms = None
            self._flush(p)
        if p.next_ms is not None and wall_ms >= p.next_ms:
            tick_ms = wall_ms // TICK_MS * TICK_MS
            if p.frame and tick_ms != p.frame[-1] + TICK_MS:
                self._flush(p)
            p.frame.append(tick_ms)
            p.since_ms = tick_ms if p.since_ms is None else p.since_ms
            p.next_ms, p.last_ms = tick_ms + TICK_MS, tick_ms
            p.member.ticked(now_s)
            if len(p.frame) >= p.frame_ticks:
                self._flush(p)

    @staticmethod
    def _flush(p):
        if p.frame:
            p.spool.append(p.frame)
            p.frame = []

    def _send(self, p):
        while p.spool:
            frame = p.spool[0]
            verdict = p.member.terms.verdict(p.name, frame[0], frame[-1])
            if verdict is Verdict.HOLD:
                return
            p.spool.pop(0)
            (self.sent if verdict is Verdict.SEND else self.dropped).update(frame)
