"""Which requests bring the registers of a map: neighbours in one, up to 125 registers, over small gaps."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from coldplate.agents.modbus.registers import Register, Table


@dataclass(frozen=True, slots=True)
class Read:
    """One request.

    Parameters
    ----------
    table, address, count
        What is asked for, from the first register (or bit) on.
    registers
        What is wanted of it.
    """

    table: Table
    address: int
    count: int
    registers: tuple[Register, ...]


def plan(registers: Iterable[Register], count_max: int, gap_max: int) -> tuple[Read, ...]:
    """As few requests as the bounds allow, in the order of tables and addresses.

    Parameters
    ----------
    count_max
        Most registers of one request; a register that needs more stands alone.
    gap_max
        Most registers between two wanted ones that are read for nothing.
    """
    ordered = sorted(registers, key=lambda r: (r.table, r.address, r.end))
    out = []
    for table, of_table in groupby(ordered, key=lambda r: r.table):
        held: list[Register] = []
        end = 0
        for register in of_table:
            if held and (
                register.address - end > gap_max
                or max(end, register.end) - held[0].address > count_max
            ):
                out.append(_read(table, held))
                held = []
            end = max(end, register.end) if held else register.end
            held.append(register)
        out.append(_read(table, held))
    return tuple(out)


def halves(read: Read, count_max: int, gap_max: int) -> tuple[Read, ...]:
    """A request that was refused as a whole, in two, so that what is refused of it can be found."""
    middle = len(read.registers) // 2
    return (
        *plan(read.registers[:middle], count_max, gap_max),
        *plan(read.registers[middle:], count_max, gap_max),
    )


def _read(table: Table, registers: list[Register]) -> Read:
    first = registers[0].address
    return Read(table, first, max(r.end for r in registers) - first, tuple(registers))
