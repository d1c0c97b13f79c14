"""Numbers of jobs."""

import pytest

from coldplate.agents.jobs.owner import job_number

CRC = 4258958631


@pytest.mark.parametrize(
    ("number", "job"),
    [
        (4711, "4711"),
        (2**32 - 1, "4294967295"),
        (CRC, "training/llama-0"),
        (3538268256, "4711_3"),
    ],
)
def test_a_whole_number_stands_for_itself_and_all_else_for_its_checksum(number, job):
    """A Slurm id can be read off the metric; a pod's name cannot, but always gives the same number."""
    assert number == job_number(job)


@pytest.mark.parametrize("job", ["0", "007", "-1", "4294967296", "４７", "", "1e3", "plumless"])
def test_no_job_has_the_number_0_and_none_is_beyond_32_bits(job):
    """0 would read as no job, and what looks like a number but is none must not be taken for one."""
    number = job_number(job)
    assert 0 < number < 2**32
    assert str(number) != job
