"""The tree speaks of the product alone, in files that one can read, and the run's own rules hold."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from tree import PARTS, ROOT, files

LINES_MAX = 400
FOREIGN = re.compile(
    r"(?<![\w.-])/work/|/tmp/bash_jobs|/root/|"
    r"pypi\.org|files\.pythonhosted|registry\.npmjs|repo1?\.maven|proxy\.golang"
)
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b")
#: What others wrote or a device said, and this file, which names what it looks for.
LEFT_OUT = ("LICENSE", "tests/recordings/", "tests/test_hygiene.py")


def texts():
    """(path, text) of every file of the tree that somebody wrote; pictures are none."""
    for path in files():
        if not str(path).startswith(LEFT_OUT) and path.suffix != ".png":
            yield path, (ROOT / path).read_text("utf-8", errors="replace")


@pytest.mark.parametrize("pattern", [FOREIGN, UNFINISHED], ids=["foreign", "unfinished"])
def test_no_file_holds_what_does_not_belong_to_the_product(pattern):
    """No path of a machine, no host of a registry, no note that something is left to do."""
    found = [f"{path}: {m[0]}" for path, text in texts() if (m := pattern.search(text))]
    assert [] == found


@pytest.mark.parametrize("part", PARTS)
def test_no_module_is_longer_than_one_can_read(part):
    """A module holds one concept; 400 lines are the limit."""
    lengths = {
        path: len((ROOT / path).read_text("utf-8").splitlines())
        for path in files(f"{part}/**/*.py")
    }
    assert {} == {path: lines for path, lines in lengths.items() if lines > LINES_MAX}


RULES = '''
import subprocess
import pytest

def test_skips():
    pytest.skip("no reason to run")

@pytest.mark.peers
def test_may_skip():
    pytest.skip("no peer here")

@pytest.mark.xfail
def test_fails():
    assert not "yet"

def test_leaves_a_process(tmp_path):
    """Its parent ends at once, so only the folder on its command line tells whose it is."""
    script = 'nohup sh -c "sleep 60; : $0" "$0/x" >/dev/null 2>&1 &'
    subprocess.run(["sh", "-c", script, tmp_path], check=True)
'''


def test_a_run_fails_for_a_skip_without_a_marker_and_for_a_process_left_behind(tmp_path):
    """The rules of tests/conftest.py, on a run of their own; a marked skip is counted with its reason."""
    shutil.copy(ROOT / "tests/conftest.py", tmp_path)
    (tmp_path / "test_rules.py").write_text(RULES)
    command = [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", "--rootdir", tmp_path]
    options = ["-p", "no:cacheprovider", tmp_path]
    env = {**os.environ, "COLUMNS": "300", "PYTHONPATH": str(ROOT / "tests")}
    ran = subprocess.run(
        [*command, *options], cwd=tmp_path, env=env,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 1, ran.stdout + ran.stderr
    for expected in (
        "FAILED test_rules.py::test_skips - skipped, or expected to fail, without one of the markers",
        "FAILED test_rules.py::test_fails - skipped, or expected to fail",
        "peers: 1 (1 no peer here)",
        "ERROR test_rules.py::test_leaves_a_process - AssertionError: started by the tests and still",
    ):
        assert expected in ran.stdout
    assert "2 failed, 1 passed, 1 skipped, 1 error" in ran.stdout.splitlines()[-1]
