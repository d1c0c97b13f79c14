"""Requests cover what is wanted, within their bounds."""

from hypothesis import given
from hypothesis import strategies as st

from coldplate.agents.modbus.map import read
from coldplate.agents.modbus.plan import halves, plan
from coldplate.agents.modbus.registers import Register


def registers(places: list[tuple[str, int, str]]) -> tuple[Register, ...]:
    """Registers (all of them leaks, of which there may be many) at (table, address, type)."""
    entries = [{"metric": "leak", "table": t, "address": a, "type": k} for t, a, k in places]
    return read({"name": "x", "source": "x", "register": entries}, "x").registers


PLACES = st.lists(
    st.tuples(
        st.sampled_from(["holding", "input"]),
        st.integers(0, 2000),
        st.sampled_from(["int16", "float32", "float64"]),
    ),
    min_size=1,
    max_size=40,
)


@given(PLACES, st.integers(4, 125), st.integers(0, 20))
def test_every_register_is_read_once_within_the_bounds(
    places: list[tuple[str, int, str]], count_max: int, gap_max: int
) -> None:
    """No request is longer than allowed, reaches over a gap that is too wide, or begins or ends with waste."""
    wanted = registers(places)
    reads = plan(wanted, count_max, gap_max)
    assert sorted(map(id, wanted)) == sorted(id(r) for read in reads for r in read.registers)
    for one in reads:
        assert one.count <= count_max
        assert one.address == one.registers[0].address
        assert one.address + one.count == max(r.end for r in one.registers)
        covered = one.address
        for register in one.registers:
            assert register.table == one.table
            assert register.address - covered <= gap_max
            covered = max(covered, register.end)


def test_neighbours_travel_together_and_a_wide_gap_parts_them() -> None:
    """As few requests as that."""
    wanted = registers([("input", a, "int16") for a in (0, 1, 9, 19, 200)])
    assert [(0, 20), (200, 1)] == [(r.address, r.count) for r in plan(wanted, 125, 9)]
    assert 3 == len(plan(wanted, 125, 8))
    assert [(0, 20), (200, 1)] == [(r.address, r.count) for r in plan(wanted, 125, 190)]


@given(PLACES)
def test_a_refused_request_is_cut_in_two_without_loss(places: list[tuple[str, int, str]]) -> None:
    """Until each register stands alone."""
    todo = list(plan(registers(places), 125, 20))
    alone = []
    while todo:
        one = todo.pop()
        if len(one.registers) == 1:
            alone += one.registers
        else:
            todo += halves(one, 125, 20)
    assert len(places) == len(alone)
