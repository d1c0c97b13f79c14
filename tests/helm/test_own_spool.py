"""The script of the init container that gives a folder of the node to the agent."""

import os
import subprocess
import sys

from helm.charts import CHART

SCRIPT = (CHART / "files/own_spool.py").read_text("utf-8")
OTHER = 10401


def own(folder, uid):
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, folder, str(uid)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def test_a_folder_that_is_the_agents_is_left_alone(tmp_path):
    """It runs at each start of a pod: what is there stays as it is, and without rights it needs none."""
    (tmp_path / "segment").write_text("kept")
    tmp_path.chmod(0o750)
    ran = own(tmp_path, os.getuid())
    assert (0, "") == (ran.returncode, ran.stderr)
    assert "kept" == (tmp_path / "segment").read_text()
    assert 0o750 == tmp_path.stat().st_mode & 0o777


def test_a_folder_of_somebody_else_is_given_with_all_in_it_or_the_pod_does_not_start(tmp_path):
    """As root it becomes the agent's alone, links untouched; who may not do that fails and says so."""
    spool, outside = tmp_path / "spool", tmp_path / "outside"
    (spool / "deep").mkdir(parents=True)
    (spool / "deep/segment").write_text("kept")
    outside.write_text("mine")
    (spool / "link").symlink_to(outside)
    ran = own(spool, OTHER)
    if os.getuid() != 0:
        assert ran.returncode != 0
        assert "Operation not permitted" in ran.stderr
        return
    assert (0, "") == (ran.returncode, ran.stderr)
    owners = {p.lstat().st_uid for p in (spool, *spool.rglob("*"))}
    assert {OTHER} == owners
    assert 0 == outside.stat().st_uid
    assert 0o700 == spool.stat().st_mode & 0o777
