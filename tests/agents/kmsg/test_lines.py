"""Lines of NVIDIA's driver, as they stand in the kernel's log."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldplate.agents.kmsg.lines import fault, pci_bus
from coldplate.agents.kmsg.record import Record, parse

LINES = [
    line.split("\t", 1)
    for line in (Path(__file__).parent / "lines.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
]


def text(raw: str) -> str:
    record = parse(raw.encode())
    assert record is not None
    return record.text


@pytest.mark.parametrize(("expected", "raw"), LINES, ids=lambda x: x[:24])
def test_a_line_says_its_fault_or_nothing(expected: str, raw: str) -> None:
    """Kind, PCI address and number."""
    found = fault(text(raw))
    told = "-" if found is None else f"{found.kind} {found.bus} {found.code}"
    assert expected == told


def test_process_instance_link_and_severity_are_told_where_the_line_has_them() -> None:
    """And left out where it says `<unknown>`."""
    data = [found.data if (found := fault(text(raw))) else None for _, raw in LINES]
    assert {"pid": 41234, "name": "python3"} == data[0]
    assert {} == data[1]
    assert {"pid": 2022, "name": "test", "instance": 5} == data[7]
    assert {"inferred": True} == data[8] == data[9]
    assert {"switch": 3, "link": 32, "fatal": False} == data[10]
    assert {"switch": 0, "link": 30, "fatal": True} == data[11]
    assert {"switch": 3} == data[12]


def test_a_record_is_taken_apart_and_its_escapes_undone() -> None:
    """Facility and severity of the priority, and no line of the dictionary."""
    raw = (
        b"30,5,1234567,-,caller=T1;a\\x0ab \\xc2\\xb0C\n SUBSYSTEM=pci\n DEVICE=+pci:0000:c1:00.0\n"
    )
    assert Record(3, 6, 5, 1_234_567, "a\nb °C") == parse(raw)


@pytest.mark.parametrize(
    "raw", [b"", b"\n", b"6,1,2", b"6,1;x", b"a,b,c;x", b"-6,1,2,-;x", b"6,-1,2,-;x", b";"]
)
def test_what_is_no_record_is_none(raw: bytes) -> None:
    """Not an error: the log goes on behind it."""
    assert parse(raw) is None


@given(st.binary(max_size=400))
def test_no_bytes_break_the_parser(raw: bytes) -> None:
    """Whatever the kernel's log holds."""
    record = parse(raw)
    if record is not None:
        fault(record.text)


@given(
    st.sampled_from([raw for _, raw in LINES]), st.integers(0, 300), st.integers(0, 40),
    st.text(max_size=12),
)  # fmt: skip
def test_no_mutilated_line_breaks_the_parser(raw: str, at: int, cut: int, put: str) -> None:
    """A fault that is still read has a code of up to five digits and a PCI address."""
    record = parse((raw[:at] + put + raw[at + cut :]).encode())
    found = None if record is None else fault(record.text)
    if found is not None:
        assert 0 <= found.code < 100_000
        assert found.bus == pci_bus(found.bus)


@pytest.mark.parametrize(
    "written", ["0000:c1:00", "00000000:C1:00.0", "PCI:0000:c1:00", "c1:00.0", " 0000:C1:00.0 "]
)
def test_a_pci_address_has_one_form(written: str) -> None:
    """NVML, lspci and the kernel's log write it in three."""
    assert "0000:c1:00" == pci_bus(written)
