"""The jobs of a node's GPUs: several sources, what changes, and what nobody can tell."""

import threading

import numpy as np
import pytest
from agents.jobs.kubelet import Kubelet, pod, serving
from waiting import await_that

from coldplate.agents.collectors.jobs import JOB, JobsCollector
from coldplate.agents.framer import Framer
from coldplate.agents.jobs.owner import Gpu, JobsUnavailableError, Owner
from coldplate.agents.jobs.sources import sources_of
from coldplate.agents.options.jobs import Jobs
from coldplate.wire.frame import decode_frame
from coldplate.wire.metric import Kind

T0 = 1_790_000_000_000
NODE = "rack-0000/node-0"
GPUS = [Gpu(f"{NODE}/gpu-{i}", i, (f"GPU-{i}", f"MIG-{i}a", f"MIG-{i}b")) for i in range(3)]
NONE = np.nan


class Says:
    """A source that says what it is told to say."""

    def __init__(self, name, answer=None, every_s=1.0):
        self.name, self.every_s = name, every_s
        self.answer = answer or {}
        self.error = None
        self.go = threading.Event()
        self.go.set()

    def owners(self):
        self.go.wait(30)
        if self.error is not None:
            raise self.error
        return self.answer


@pytest.fixture
def collect():
    made = []

    def make(*sources, **options):
        made.append(JobsCollector(NODE, "rack-0000", GPUS, sources, wait_s=5.0, **options))
        return made[-1]

    yield make
    for collector in made:
        collector.close()


def numbers(collector, second):
    return collector.sample(T0 + 1000 * second)[Kind.GPU][JOB].tolist()


def told(collector):
    return [(h.subject[-1], h.code, h.text, h.data["state"]) for h in collector.happenings()]


def test_a_gpu_has_the_number_of_its_job(collect):
    """By index, UUID or a MIG instance's UUID; a GPU without a job has none, not 0."""
    jobs = {"0": [Owner("4711")], "MIG-2a": [Owner("4712")], "GPU-99": [Owner("1")]}
    collector = collect(Says("a", jobs))
    np.testing.assert_equal([4711, NONE, 4712], numbers(collector, 0))
    assert {f"{NODE}/gpu-0", f"{NODE}/gpu-2"} == set(collector.owners())


def test_a_job_is_told_when_it_begins_and_when_it_ends(collect):
    """Once each; what is there at the start is told as well."""
    source = Says("a", {"0": [Owner("4711")]})
    collector = collect(source)
    numbers(collector, 0)
    assert [("0", 4711, "4711", "start")] == told(collector)
    numbers(collector, 1)
    assert [] == told(collector)
    source.answer = {"0": [Owner("4712")], "1": [Owner("4712")]}
    numbers(collector, 2)
    expected = [
        ("0", 4711, "4711", "end"),
        ("0", 4712, "4712", "start"),
        ("1", 4712, "4712", "start"),
    ]
    assert expected == told(collector)
    source.answer = {}
    np.testing.assert_equal([NONE] * 3, numbers(collector, 3))
    assert ["end", "end"] == [state for *_, state in told(collector)]


def test_an_event_has_all_that_is_known_of_the_job(collect):
    """What a source does not tell is None, not empty; without a start of its own it is the first sight of it."""
    owner = Owner("ml/llama", pod="llama", namespace="ml", container="main")
    collector = collect(Says("a", {"1": [owner]}))
    numbers(collector, 7)
    (happening,) = collector.happenings()
    expected = {
        "id": "ml/llama", "state": "start", "since_ms": T0 + 7000, "user": None, "pod": "llama",
        "namespace": "ml", "container": "main", "shared": False,
    }  # fmt: skip
    assert ("job", f"{NODE}/gpu-1", T0 + 7000, owner.number, "ml/llama", expected) == (
        happening.kind, happening.subject, happening.t_ms, happening.code, happening.text,
        happening.data,
    )  # fmt: skip


def test_a_gpu_that_jobs_share_is_owned_by_none_of_them(collect):
    """Its power belongs to nobody alone, but who is there is told."""
    collector = collect(Says("a", {"MIG-0a": [Owner("1")], "MIG-0b": [Owner("2")]}))
    np.testing.assert_equal([NONE] * 3, numbers(collector, 0))
    assert [(1, True), (2, True)] == [(h.code, h.data["shared"]) for h in collector.happenings()]
    assert {} == collector.owners()


def test_the_first_source_that_knows_is_believed_and_others_fill_in(collect):
    """The mapping folder names the job, the cgroup its user."""
    first = Says("a", {"0": [Owner("4711")]})
    second = Says("b", {"0": [Owner("4711", user="ada")], "1": [Owner("88", user="bob")]})
    collector = collect(first, second)
    np.testing.assert_equal([4711, 88, NONE], numbers(collector, 0))
    assert ["ada", "bob"] == [o.user for o in collector.owners().values()]


def test_a_source_that_fails_leaves_the_others_alone(collect, caplog):
    """It is said once, and health names it."""
    broken = Says("a")
    broken.error = JobsUnavailableError("no folder", "missing")
    collector = collect(broken, Says("b", {"0": [Owner("5")]}))
    for second in range(4):
        np.testing.assert_equal([5, NONE, NONE], numbers(collector, second))
    assert ["jobs/a: JobsUnavailableError: no folder"] == caplog.messages
    assert [False, True] == [h.ok for h in collector.health()]
    assert 2 <= collector.health()[0].counts["missing"] < 4


def test_a_source_that_no_longer_answers_ends_no_job(collect):
    """For three intervals its last answer counts, then the job is absent; it goes on when the source is back."""
    source = Says("a", {"0": [Owner("4711")]})
    collector = collect(source)
    numbers(collector, 0)
    told(collector)
    source.error = JobsUnavailableError("refused")
    np.testing.assert_equal([4711, NONE, NONE], numbers(collector, 3))
    np.testing.assert_equal([NONE] * 3, numbers(collector, 4))
    assert [] == told(collector)
    source.error = None
    seconds = iter(range(5, 60))
    await_that(lambda: 4711 == numbers(collector, next(seconds))[0], 5.0, "the job to be back")
    assert [] == told(collector)


def test_a_source_that_hangs_costs_a_tick_its_wait_alone(collect):
    """The others answer, and what comes late counts from the next tick on."""
    slow = Says("a", {"1": [Owner("7")]}, every_s=60.0)
    slow.go.clear()
    collector = collect(slow, Says("b", {"0": [Owner("5")]}))
    collector._wait_s = 0.05
    np.testing.assert_equal([5, NONE, NONE], numbers(collector, 0))
    slow.go.set()
    seconds = iter(range(1, 200))
    await_that(lambda: 7 == numbers(collector, next(seconds))[1], 5.0, "the late answer")


def test_a_source_is_asked_at_its_own_interval_also_when_the_clock_is_set_back(collect):
    """A folder is looked at often, the kubelet seldom."""
    source = Says("a", {"0": [Owner("1")]}, every_s=10.0)
    collector = collect(source)
    for second in (0, 1, 9, 10, 11, 5):
        numbers(collector, second)
    assert 3 == collector.health()[0].counts["asked"]


def test_labels_are_those_of_dcgm_exporter(collect):
    """Pods have three, a scheduler's job one."""
    pod_owner = Owner("ml/llama", pod="llama", namespace="ml", container="main")
    collector = collect(Says("a", {"0": [pod_owner], "1": [Owner("4711", user="ada")]}))
    numbers(collector, 0)
    expected = {
        f"{NODE}/gpu-0": {"pod": "llama", "namespace": "ml", "container": "main"},
        f"{NODE}/gpu-1": {"hpc_job": "4711"},
    }
    assert expected == collector.labels()


def test_origins_say_who_told_and_why_there_is_nothing(collect):
    """For people who wonder at a machine why a GPU has no job."""
    collector = collect(Says("a", {"0": [Owner("1")]}))
    numbers(collector, 0)
    said = [o["job"] for o in collector.origins().values()]
    assert [("jobs/a", ""), ("jobs/a", "no-job")] == [(o.source, o.absent) for o in said[:2]]
    assert "disabled" == collect().origins()[f"{NODE}/gpu-0"]["job"].absent


def test_the_wire_carries_every_number_of_a_job(collect):
    """From the smallest to the largest that 32 bits hold, and none as absent."""
    collector = collect(Says("a", {"0": [Owner("1")], "1": [Owner(str(2**32 - 1))]}))
    framer = Framer("test", collector, 1, ticks=1)
    (framed,) = framer.add(T0 // 1000, collector.sample(T0))
    (part,) = decode_frame(framed.record).parts
    ((_, sent),) = part.arrays()
    assert ["job"] == [m.name for m in part.layout.known]
    assert [1, 2**32 - 1] == sent[part.present()].tolist()


def test_the_options_sources_work_together_on_real_ones(tmp_path):
    """A folder and a kubelet of one node, as an agent has them."""
    mapping = tmp_path / "jobs"
    mapping.mkdir()
    (mapping / "1").write_text("4711\n")
    path = tmp_path / "kubelet.sock"
    options = Jobs(mapping_dir=str(mapping), pod_socket=str(path))
    with serving(path, Kubelet()) as kubelet:
        kubelet.pods = [pod("ml", "llama", "main", "nvidia.com/gpu", ["GPU-0"])]
        sources = sources_of(options, dict)
        collector = JobsCollector(NODE, "rack-0000", GPUS, sources, wait_s=10.0)
        try:
            assert ["mapping", "kubernetes", "slurm"] == [s.name for s in sources]
            found = numbers(collector, 0)
            np.testing.assert_equal([Owner("ml/llama").number, 4711, NONE], found)
        finally:
            collector.close()
