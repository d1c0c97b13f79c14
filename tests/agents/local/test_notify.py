"""What systemd hears, at a socket of its kind."""

import os
import socket
from contextlib import closing

import pytest

from coldplate.agents.local.notify import Notify


@pytest.fixture
def systemd(tmp_path):
    """A socket to listen at, and its path."""
    path = str(tmp_path / "notify")
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listening:
        listening.bind(path)
        listening.settimeout(2)
        yield path, lambda: listening.recv(4096).decode()


def test_states_are_told(systemd):
    """Ready with what it does, a reload with the time that systemd asks for, and the end."""
    path, hear = systemd
    notify = Notify({"NOTIFY_SOCKET": path})
    notify.ready("sampling rack-0003/node-5")
    assert "READY=1\nSTATUS=sampling rack-0003/node-5" == hear()
    notify.reloading()
    first, second = hear().split("\n")
    assert ("RELOADING=1", True) == (first, int(second.removeprefix("MONOTONIC_USEC=")) > 0)
    notify.stopping()
    assert "STOPPING=1" == hear()


def test_the_watchdog_hears_no_more_than_it_needs(systemd):
    """Twice within its time, however often the loop ticks."""
    path, hear = systemd
    usec = {"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}
    notify = Notify({"NOTIFY_SOCKET": path, **usec})
    notify.ticked()
    notify.ticked()
    notify.stopping()
    assert ["WATCHDOG=1", "STOPPING=1"] == [hear(), hear()]


@pytest.mark.parametrize(
    "environ", [{}, {"WATCHDOG_USEC": "1000"}, {"NOTIFY_SOCKET": "/nowhere/at/all"}]
)
def test_without_systemd_nothing_happens(environ):
    """As in a container, a shell, or after it went away."""
    notify = Notify(environ)
    notify.ready("x")
    notify.ticked()


def test_another_process_watchdog_is_not_ours(systemd):
    """The variable is inherited by children."""
    path, hear = systemd
    other = {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}
    notify = Notify({"NOTIFY_SOCKET": path, **other})
    notify.ticked()
    notify.stopping()
    assert "STOPPING=1" == hear()
