"""Which job owns each GPU, as metric `job` and as an event when that changes.

Several sources may know it (jobs/sources.py); the first that does is believed, and what it leaves open, such as the
user, is taken from another that names the same job. A GPU that several jobs share has no `job`, since none owns it, but
each of them has its events.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from coldplate.agents.collector import Happening, Health, Origin, Samples, Source
from coldplate.agents.jobs.owner import Gpu, JobSource, Owner, names_of
from coldplate.agents.jobs.poll import Answer, Poll
from coldplate.wire.metric import CATALOGUE, Kind, metric

JOB = metric(Kind.GPU, "job").number

WAIT_S = 0.2
"""How long a tick waits for sources; a later answer counts from the next tick on."""


class JobsCollector:
    """Tells the jobs of a node's GPUs.

    Parameters
    ----------
    node, rack
        Under which names it is sent.
    gpus
        The node's GPUs by all their names.
    job_sources
        Who is asked, in the order in which they are believed.
    wait_s
        How long a tick waits for them.
    clock
        Monotonic seconds.

    Notes
    -----
    Some 0.1 ms a tick for eight GPUs, and a thread a source that sleeps until it asks. A source that fails is believed for
    three of its intervals; then its GPUs have no `job`, and no event says that a job has ended, for nobody knows.
    """

    def __init__(
        self,
        node: str,
        rack: str,
        gpus: Sequence[Gpu],
        job_sources: Sequence[JobSource],
        *,
        wait_s: float = WAIT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        ids = tuple(gpu.id for gpu in gpus)
        self.devices: Mapping[Kind, tuple[str, ...]] = {Kind.GPU: ids}
        self.sources: Sequence[Source] = (Source(node, rack, {Kind.GPU: range(len(ids))}),)
        names = names_of(gpus)
        self._polls = [Poll(source, names, clock) for source in job_sources]
        self._wait_s, self._clock = wait_s, clock
        self._owners: dict[str, tuple[Owner, ...]] = {}
        self._tellers: dict[str, int] = {}
        self._happenings: list[Happening] = []

    def sample(self, tick_ms: int) -> Samples:
        """The number of the job that owns each GPU."""
        for poll in self._polls:
            poll.begin(tick_ms)
        deadline_s = self._clock() + self._wait_s
        for poll in self._polls:
            poll.wait(deadline_s)
        answers = [poll.answer(tick_ms) for poll in self._polls]
        out = np.full((len(CATALOGUE[Kind.GPU]), len(self.devices[Kind.GPU])), np.nan)
        owners = dict(self._owners)
        for column, gpu in enumerate(self.devices[Kind.GPU]):
            found = self._found(gpu, answers)
            if found is None:
                continue  # nobody can tell now: what was told last stands
            before = owners.get(gpu, ())
            owners[gpu] = _kept(before, found, tick_ms)
            self._tell(gpu, before, owners[gpu], tick_ms)
            if len(found) == 1:
                out[JOB, column] = found[0].number
        self._owners = owners
        return {Kind.GPU: out}

    def owners(self) -> Mapping[str, Owner]:
        """The job of each GPU that one job has for itself, as it was last known; from any thread."""
        return {gpu: owners[0] for gpu, owners in self._owners.items() if len(owners) == 1}

    def labels(self) -> Mapping[str, Mapping[str, str]]:
        """By GPU the labels that dcgm-exporter gives: `pod`, `namespace`, `container`, or `hpc_job`."""
        return {
            gpu: {"pod": o.pod, "namespace": o.namespace, "container": o.container}
            if o.pod
            else {"hpc_job": o.job}
            for gpu, o in self.owners().items()
        }

    def conditions(self) -> None:
        """A node is heard."""

    def happenings(self) -> list[Happening]:
        """Jobs that began and ended on a GPU; at first those that are there."""
        out, self._happenings = self._happenings, []
        return out

    def health(self) -> Sequence[Health]:
        """Of each source."""
        return [poll.health() for poll in self._polls]

    def origins(self) -> Mapping[str, Mapping[str, Origin]]:
        """Who told the job of each GPU; before anybody has, all who are asked."""
        healths = self.health()
        names = [health.name for health in healths]
        why = "no-job" if all(h.ok for h in healths) else "error"
        out = {}
        for gpu in self.devices[Kind.GPU]:
            if self._owners.get(gpu):
                origin = Origin(names[self._tellers[gpu]])
            else:
                origin = Origin(", ".join(names), absent=why if names else "disabled")
            out[gpu] = {"job": origin}
        return out

    def close(self) -> None:
        """End the sources' threads."""
        for poll in self._polls:
            poll.close()

    def _found(self, gpu: str, answers: Sequence[Answer | None]) -> tuple[Owner, ...] | None:
        """Owners of a GPU; None when who knew them cannot tell, and nobody else does."""
        known = [(i, a[gpu]) for i, a in enumerate(answers) if a is not None and gpu in a]
        if known:
            self._tellers[gpu], owners = known[0]
            return tuple(_filled(o, [other for _, os in known[1:] for other in os]) for o in owners)
        teller = self._tellers.get(gpu)
        if all(a is None for a in answers) or (teller is not None and answers[teller] is None):
            return None
        return ()

    def _tell(self, gpu: str, before: Sequence[Owner], now: Sequence[Owner], tick_ms: int) -> None:
        for one, other, state in ((before, now, "end"), (now, before, "start")):
            there = {o.job for o in other}
            for o in one:
                if o.job not in there:
                    data: dict[str, str | int | float | bool | None] = {
                        "id": o.job, "state": state, "since_ms": o.since_ms, "user": o.user or None,
                        "pod": o.pod or None, "namespace": o.namespace or None,
                        "container": o.container or None, "shared": len(one) > 1,
                    }  # fmt: skip
                    self._happenings.append(Happening("job", gpu, tick_ms, o.number, o.job, data))


def _filled(owner: Owner, others: Sequence[Owner]) -> Owner:
    """With the user that another source names for the same job."""
    if owner.user:
        return owner
    user = next((o.user for o in others if o.job == owner.job), "")
    return replace(owner, user=user) if user else owner


def _kept(before: Sequence[Owner], now: Sequence[Owner], tick_ms: int) -> tuple[Owner, ...]:
    """Now's owners; one whose source does not tell since when has been there since it was first seen."""
    since = {o.job: o.since_ms for o in before}
    return tuple(
        o if o.since_ms is not None else replace(o, since_ms=since.get(o.job) or tick_ms)
        for o in now
    )
