"""Words of `rack` and `gpu` that need no server: how a picture is said, and what is left out."""

import pytest

from coldplate.console.course import Course
from coldplate.console.looking import Device, Looked
from coldplate.console.shown import gpu_lines, rack_lines


def device(kind, id_, values=None, age_ms=1000, **more):
    rack = id_.partition("/")[0]
    node = "/".join(id_.split("/")[:2]) if kind in ("node", "gpu") else ""
    fields = {"row": "row-0", "hall": "hall", "serial": "", **more}
    return Device(
        kind,
        id_,
        1,
        0,
        rack,
        node,
        fields["row"],
        fields["hall"],
        fields["serial"],
        values or {},
        age_ms,
    )


def looked(subject, parts=(), **more):
    fields = {"neighbours": [], "courses": [], "incidents": [], "jobs": [], **more}
    return Looked(subject, 1_795_749_125_000, parts, **fields)


def test_a_line_of_history_says_its_ends_with_their_unit():
    """And where it was marked; nothing kept is no picture."""
    found = Course(
        "rack-0/cdu", "flow_lpm", 0, 1000, [118.0, 118.0, 61.0], 60.0, 119.0, 61.0, "cdu_samples"
    )
    assert found.lines(2000) == [
        "flow of rack-0/cdu: 60 to 119 l/min, last 61 l/min", "██▁", "  ^ opened 00:00:02", "00:00:00 to 00:00:03 UTC, 3 s",
    ]  # fmt: skip
    none = Course("rack-0/cdu", "flow_lpm", 0, 1000, [None], None, None, None, "cdu_samples")
    assert none.lines(0) == ["flow of rack-0/cdu: nothing is kept of that time"]


def test_a_rack_of_which_nothing_is_known_is_said_so():
    """No unit, no meter, no GPU, no error."""
    text = "\n".join(
        rack_lines(
            looked(device("rack", "rack-0", age_ms=None), [device("rack", "rack-0", age_ms=None)])
        )
    )
    assert "no samples within 5 min: rack-0" in text
    assert "power: not told" in text
    assert "jobs: none" in text


@pytest.mark.parametrize(("margin", "colour"), [(5.0, "31"), (10.0, "33"), (40.0, "32")])
def test_a_gpu_is_coloured_by_its_margin(margin, colour):
    """Which a terminal shows, and a pipe does not; the number says it too."""
    gpus = [device("gpu", "rack-0/node-0/gpu-0", {"gpu_c": 87.0 - margin, "margin_c": margin})]
    seen = looked(
        device("rack", "rack-0"), [device("rack", "rack-0"), device("node", "rack-0/node-0"), *gpus]
    )
    line = next(line for line in rack_lines(seen) if line.startswith("  node-0"))
    assert f"\x1b[{colour}m" in line
    assert f"{87 - margin:.0f}/{margin:.0f}" in line


def test_names_in_a_picture_give_no_orders():
    """Jobs and users are called by others."""
    jobs = [{"job": "a\x1b[2J\nb", "user": "", "gpus": 1}] * 7
    text = "\n".join(
        gpu_lines(
            looked(
                device("gpu", "rack-0/node-0/gpu-0", {"gpu_c": 50.0, "clock_event_reasons": 4.0}),
                jobs=jobs,
            )
        )
    )
    assert "a b (user not known, 1 GPU here)" in text
    assert "2 more" in text
    assert "power-cap" in text
    assert "\x1b" not in text
