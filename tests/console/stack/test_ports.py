"""Ports: free ones, and not the same for two stacks."""

import socket

import pytest

from coldplate.console.stack.ports import LOOPBACK, PortReservations, is_free
from coldplate.console.stack.state import StateDir


@pytest.fixture
def reservations():
    made = PortReservations()
    yield made
    made.release()


@pytest.fixture
def taken_port():
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        server.listen(1)
        yield server.getsockname()[1]


def test_a_taken_port_is_replaced_by_a_free_one(reservations, taken_port):
    """A preferred port that somebody listens on is not chosen."""
    assert not is_free(taken_port)
    chosen = reservations.choose([taken_port])
    assert chosen != taken_port
    assert is_free(chosen)


def test_two_states_choose_different_ports(tmp_path):
    """Both prefer the same free port; one gets it, and keeps it at its next start."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        wanted = probe.getsockname()[1]
    first, second = StateDir(tmp_path / "first"), StateDir(tmp_path / "second")
    try:
        ports = first.port("kafka", [wanted]), second.port("kafka", [wanted])
        assert ports[0] == wanted
        assert ports[1] != wanted
        second.release()
        assert StateDir(tmp_path / "third").port("x", [ports[1]]) == ports[1]
    finally:
        first.release()
        second.release()


def test_a_port_is_remembered(tmp_path):
    """The next start of the same stack gets the same port."""
    state = StateDir(tmp_path / "state")
    port = state.port("kafka")
    state.release()
    again = StateDir(tmp_path / "state")
    assert again.port("kafka") == port
    again.release()
