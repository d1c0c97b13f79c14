"""Ids that survive a restart: incidents, anomalies and events have them from what happened, and from nothing else."""

import os
import subprocess
import sys

import msgspec
import pytest

from coldplate.wire.event import Event
from coldplate.wire.incident import Anomaly, Evidence, Severity, incident_id

OPENED = ("rack-0003/cdu", "pump-stop", 1_790_000_030_000)


def test_an_incident_id_never_changes():
    """A worker of another version that reads the same frames opens the same incident."""
    assert "cab5fe71ddca" == incident_id(*OPENED)


def test_an_incident_id_is_pure():
    """Another process with another hash seed comes to the same one."""
    code = f"from coldplate.wire.incident import incident_id; print(incident_id(*{OPENED!r}))"
    for seed in ("1", "2"):
        out = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout  # fmt: skip
        assert "cab5fe71ddca" == out.strip()


def test_incidents_of_another_subject_kind_or_tick_are_others():
    """Each part counts, and no two of many ids are alike."""
    ids = {
        incident_id(f"rack-{r:04d}/cdu", kind, 1_790_000_000_000 + 1000 * t)
        for r in range(20)
        for kind in ("pump-stop", "flow-loss", "xid-79")
        for t in range(50)
    }
    assert 3000 == len(ids)
    assert {12} == {len(i) for i in ids}


def test_the_id_of_an_anomaly_tells_its_change():
    """On and off at one tick differ; what the worker knew of its arrival does not count."""
    evidence = Evidence("flow_loss", "r/cdu", "flow_lpm", 5000)
    fired = Anomaly(
        "c", "flow_loss", "flow-loss", "r/cdu", "r", 5000, True, Severity.CRITICAL, evidence
    )
    assert "r/cdu/flow_loss/5000/on" == fired.id
    assert fired.id == msgspec.structs.replace(fired, arrived_ms=9000, throttle_at_ms=7000).id
    assert "r/cdu/flow_loss/5000/off" == msgspec.structs.replace(fired, on=False).id


def test_the_id_of_an_event_is_its_senders():
    """Sent twice it is the same event."""
    event = Event("xid", "r/n/gpu-0", "r", 5000, "c", "r/n", boot=7, seq=42, code=79)
    assert "r/n/7/42" == event.id


@pytest.mark.parametrize(
    ("severity", "pages"),
    [("info", False), ("ticket", False), ("warning", True), ("critical", True)],
)
def test_warning_and_above_wake_somebody(severity, pages):
    """Infos and tickets wait for the morning."""
    assert pages == Severity(severity).pages


def test_a_record_cannot_be_changed():
    """A change is another record."""
    with pytest.raises(AttributeError):
        Evidence("d", "s", "m", 1).value = 2.0
