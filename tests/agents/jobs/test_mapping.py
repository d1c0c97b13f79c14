"""A mapping folder, as a scheduler's prolog and epilog write it."""

import os

import pytest

from coldplate.agents.jobs.mapping import MappingFolder
from coldplate.agents.jobs.owner import JobsUnavailableError


def jobs(folder):
    return {gpu: [o.job for o in owners] for gpu, owners in folder.owners().items()}


def test_a_file_a_gpu_names_its_jobs_a_line_each(tmp_path):
    """The form of dcgm-exporter: named by index; other files and folders are passed over."""
    (tmp_path / "0").write_text("4711\n")
    (tmp_path / "1").write_text("job 4712\r\n\njob2")
    (tmp_path / "GPU-8f1c").write_text("4713\n")
    (tmp_path / "2").write_text("")
    (tmp_path / "README").write_text("4714\n")
    (tmp_path / "3").mkdir()
    expected = {"0": ["4711"], "1": ["job 4712", "job2"], "GPU-8f1c": ["4713"]}
    assert expected == jobs(MappingFolder(tmp_path))


def test_a_job_is_there_since_its_file_was_written(tmp_path):
    """The file's time is the prolog's."""
    (tmp_path / "0").write_text("4711\n")
    os.utime(tmp_path / "0", ns=(1_790_000_000_123_000_000,) * 2)
    assert 1_790_000_000_123 == MappingFolder(tmp_path).owners()["0"][0].since_ms


def test_what_the_prolog_and_epilog_change_is_seen(tmp_path):
    """A file that is written, replaced and removed: also within one second."""
    folder = MappingFolder(tmp_path)
    assert {} == jobs(folder)
    (tmp_path / "0").write_text("4711\n")
    assert {"0": ["4711"]} == jobs(folder)
    (tmp_path / "new").write_text("4712\n")
    (tmp_path / "new").replace(tmp_path / "0")
    assert {"0": ["4712"]} == jobs(folder)
    (tmp_path / "0").unlink()
    assert {} == jobs(folder)


def test_a_file_that_cannot_be_read_leaves_the_others_alone(tmp_path, caplog):
    """It is said once, and its GPU has no job."""
    (tmp_path / "0").symlink_to("0")
    (tmp_path / "1").write_text("4711\n")
    folder = MappingFolder(tmp_path)
    assert [{"1": ["4711"]}] * 2 == [jobs(folder), jobs(folder)]
    assert 1 == len(caplog.records)


def test_a_folder_that_is_not_there_is_no_empty_folder(tmp_path):
    """Nobody may take a missing mount for a node without jobs."""
    with pytest.raises(JobsUnavailableError, match="No such file") as caught:
        MappingFolder(tmp_path / "gone").owners()
    assert "missing" == caught.value.reason


def test_a_file_without_end_is_read_in_part(tmp_path):
    """A mistake in a prolog does not fill the agent's memory."""
    (tmp_path / "0").write_bytes(b"4711\n" + bytes(1 << 20))
    assert "4711" == jobs(MappingFolder(tmp_path))["0"][0]
