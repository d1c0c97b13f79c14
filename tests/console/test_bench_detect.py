"""What detection costs: the bench judges what it says it judges."""

from coldplate.console.benching.detect import measure
from coldplate.streams.detectors import defaults


def test_every_detector_judges_and_costs_are_told_apart() -> None:
    """A rack for three seconds: all detectors, decoding apart, no incident in a healthy hall."""
    found = measure(64, 3)
    assert len(defaults()) == found["detectors"]
    assert {"64": found["cpu_ms_per_tick"]} == found["by_gpus"]
    assert 0 < found["decode_ms_per_tick"] < found["cpu_ms_per_tick"]
    assert found["cpu_ms_per_tick"] <= found["cpu_ms_of_slowest_tick"]
    assert found["state_bytes_per_gpu"] > 100
    assert found["rss_mb"] > 0
    assert 0 == found["incidents"]
