"""The command as its users run it: a process of its own, with nothing of this machine's settings."""

import os
import subprocess
import sys

import pytest


@pytest.fixture
def run(tmp_path):
    """Run `coldplate` in an empty folder with an empty state folder; keywords are environment variables."""
    (tmp_path / "cwd").mkdir()

    def coldplate(*words, stdin="", **environ):
        env = {k: v for k, v in os.environ.items() if not k.startswith("COLDPLATE_")}
        env |= {"COLDPLATE_STATE": str(tmp_path / "state"), **environ}
        return subprocess.run(
            [sys.executable, "-m", "coldplate.console", *map(str, words)],
            cwd=tmp_path / "cwd", env=env, input=stdin, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip

    return coldplate
