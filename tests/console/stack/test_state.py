"""The state folder: ours, locked, and emptied only on demand."""

import stat

import pytest

from coldplate.console.stack.errors import NotOurs, StateBusy
from coldplate.console.stack.state import StateDir


@pytest.fixture
def state(tmp_path):
    made = StateDir(tmp_path / "state")
    yield made
    made.release()


def test_fresh_empties_data_ports_and_passwords(state):
    """After `fresh` nothing of the last stack is left, and the lock is still held."""
    state.acquire()
    (state.folder("kafka") / "data").write_text("old")
    port, password = state.port("kafka"), state.secret("owner")
    state.release()
    state.fresh()
    assert not (state.path / "kafka").exists()
    assert not (state.path / "ports.json").exists()
    assert state.secret("owner") != password
    assert isinstance(port, int)
    with pytest.raises(StateBusy):
        StateDir(state.path).acquire()


def test_a_folder_that_coldplate_did_not_make_is_refused_and_kept(tmp_path):
    """Neither used nor emptied."""
    (tmp_path / "thesis.tex").write_text("mine")
    for change in (StateDir(tmp_path).acquire, StateDir(tmp_path).fresh):
        with pytest.raises(NotOurs, match="choose an empty or new folder"):
            change()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_second_supervisor_is_told_who_is_there(state):
    """The message names the holder's pid and both ways out."""
    state.acquire()
    with pytest.raises(StateBusy, match=r"process \d+.*coldplate down.*COLDPLATE_STATE"):
        StateDir(state.path).acquire()


def test_a_password_is_kept_and_readable_by_its_owner_alone(state):
    """Made at random once, in a file with mode 0600."""
    password = state.secret("owner")
    assert state.secret("owner") == password
    assert state.secret("reader") != password
    assert stat.S_IMODE((state.path / "secrets.toml").stat().st_mode) == 0o600
