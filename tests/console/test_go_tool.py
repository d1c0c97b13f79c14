"""Programs in Go: made once into the cache, whole or not at all."""

import pytest

from coldplate.console.benching.go_tool import GoTool
from coldplate.console.failure import Failure
from coldplate.console.stack.cache import Cache

TOOL = GoTool("example.org/peer/cmd/peer", "v1.2.3")


@pytest.fixture
def go(tmp_path, monkeypatch):
    """Puts a `go` on the PATH that does what a shell line says; without a line there is none."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def does(line):
        (folder / "go").write_text(f"#!/bin/sh\n{line}\n")
        (folder / "go").chmod(0o755)

    return does


def test_without_go_there_is_none(go, tmp_path):
    """Whoever asks decides what to do without."""
    assert None is TOOL.made(Cache(tmp_path / "cache"))


def test_it_is_made_once(go, tmp_path):
    """The version is in the folder's name; a second time nothing is run."""
    go('echo "$@" $GOFLAGS > $GOBIN/peer')
    made = TOOL.made(Cache(tmp_path / "cache"))
    assert tmp_path / "cache" / "peer-1.2.3" / "peer" == made
    assert "install example.org/peer/cmd/peer@v1.2.3 -buildvcs=false\n" == made.read_text()
    go("exit 1")
    assert made == TOOL.made(Cache(tmp_path / "cache"))


@pytest.mark.parametrize("line", ["echo no such version >&2; exit 1", "exit 0"])
def test_what_could_not_be_made_is_said_and_not_kept(go, tmp_path, line):
    """In the words of go's last line."""
    go(line)
    with pytest.raises(Failure, match=r"peer@v1\.2\.3: (no such version|made nothing)"):
        TOOL.made(Cache(tmp_path / "cache"))
    assert None is Cache(tmp_path / "cache").installed("peer-1.2.3")
