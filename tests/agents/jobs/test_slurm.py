"""Slurm's jobs by the cgroups of processes, on trees of procfs with the paths that slurmstepd makes."""

from pathlib import Path

import pytest

from coldplate.agents.jobs.owner import JobsUnavailableError, Owner
from coldplate.agents.jobs.slurm import SlurmCgroups

PROC = Path(__file__).parent / "proc"


def owners(tree, pids):
    return dict(SlurmCgroups(lambda: pids, proc=PROC / tree).owners())


def test_a_cgroup_of_version_1_names_job_and_user():
    """Whichever controllers are mounted, and with a node's name beside slurm's."""
    expected = {
        "gpu-0": [Owner("4711", user="4000000001")],
        "gpu-1": [Owner("4712", user="4000000002")],
    }
    assert expected == owners("v1", {"gpu-0": [4242], "gpu-1": [4300], "gpu-2": [900]})


def test_a_cgroup_of_version_2_names_the_job_and_the_process_its_user():
    """Version 2 has no user in its path; a session or a daemon is no job."""
    expected = {
        "gpu-0": [Owner("1392969", user="4000000001")],
        "gpu-1": [Owner("88", user="4000000003")],
    }
    pids = {"gpu-0": [5151, 5153], "gpu-1": [5152, 5154], "gpu-2": [5153], "gpu-3": []}
    assert expected == owners("v2", pids)


def test_two_jobs_on_a_gpu_are_both_told():
    """In the order of their numbers, each once."""
    found = owners("v2", {"gpu-0": [5151, 5152, 5151]})
    assert ["88", "1392969"] == [o.job for o in found["gpu-0"]]


def test_a_process_that_ended_meanwhile_is_passed_over():
    """The driver lists it a moment longer than the kernel."""
    assert {} == owners("v1", {"gpu-0": [77]})


def test_a_known_user_is_called_by_name(tmp_path):
    """As operators know them."""
    (tmp_path / "9").mkdir()
    (tmp_path / "9" / "cgroup").write_text("4:memory:/slurm/uid_0/job_5/step_0\n")
    found = SlurmCgroups(lambda: {"0": [9]}, proc=tmp_path).owners()
    assert [Owner("5", user="root")] == found["0"]


def test_processes_that_nobody_may_see_are_no_idle_gpu():
    """With hidepid the agent knows nothing, and says so."""

    class Denied(type(Path())):
        def read_text(self, *_):
            raise PermissionError

    with pytest.raises(JobsUnavailableError, match="no permission"):
        SlurmCgroups(lambda: {"0": [9]}, proc=Denied("/proc")).owners()
