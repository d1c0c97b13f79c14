"""Reads map files (TOML). A mistake is refused with its file, its register and what to do; docs/collectors/modbus.md.

A wrong map does not fail loudly: it gives numbers that look like numbers. So nothing is guessed here, and what the
document of the device does not say is to be left out.
"""

import math
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import msgspec

from coldplate.agents.modbus.decode import Order, Type, patterns, words_of
from coldplate.agents.modbus.errors import MapError
from coldplate.agents.modbus.registers import BIT_TABLES, Register, RegisterMap, Table
from coldplate.agents.modbus.units import ATMOSPHERE_KPA, conversion
from coldplate.wire.metric import KIND_WORDS, Kind, Metric, metric

SHIPPED = Path(__file__).parent / "maps"

REGISTERS_MAX = 125
"""Of one request (MODBUS Application Protocol 1.1b3, 6.3); for bits it is 2,000, but nobody needs that."""

SEVERAL = ("leak",)
"""Metrics of which a device may have several registers."""

# Modicon's numbers: the leading digit is the table, the rest counts from 1; of five or six digits.
_MODICON: dict[int, Table] = {0: "coil", 1: "discrete", 3: "input", 4: "holding"}


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    metric: str
    address: int
    table: Table | None = None
    type: Type | None = None
    bit: int | None = None
    word_order: Order | None = None
    byte_order: Order | None = None
    scale: float | None = None
    offset: float | None = None
    unit: str | None = None
    invalid: list[int | float] | None = None
    valid: tuple[float, float] | None = None
    values: dict[str, float] | None = None
    note: str = ""


class _Defaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    table: Table = "holding"
    type: Type = "int16"
    word_order: Order = "big"
    byte_order: Order = "big"
    scale: float = 1.0
    invalid: list[int | float] = []


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: str
    source: str
    kind: Literal["cdu", "rack", "hall"] = "cdu"
    numbering: Literal["wire", "one", "modicon"] = "wire"
    registers_max: int = REGISTERS_MAX
    gap_max: int = 8
    atmosphere_kpa: float | None = None
    defaults: _Defaults = _Defaults()
    register: list[_Entry]


def load(name: str, *, atmosphere_kpa: float = ATMOSPHERE_KPA) -> RegisterMap:
    """The map of a file, or one that is shipped.

    Parameters
    ----------
    name
        A path, or the name of a shipped map (`liebert-xdc`).
    atmosphere_kpa
        Pressure of the air at the site, for what gauges read; a map's own figure goes before it.

    Raises
    ------
    MapError
        Saying where and what to do.
    """
    path = Path(name)
    if "/" not in name and path.suffix != ".toml":
        path = SHIPPED / f"{name}.toml"
        if not path.is_file():
            known = ", ".join(sorted(p.stem for p in SHIPPED.glob("*.toml")))
            raise MapError(f"no map is called {name!r}; there are {known}, or give a path")
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MapError(f"{path}: {error}") from None
    return read(data, str(path), atmosphere_kpa=atmosphere_kpa)


def read(
    data: dict[str, Any], where: str, *, atmosphere_kpa: float = ATMOSPHERE_KPA
) -> RegisterMap:
    """The map of a file's content; `where` names it in messages.

    Raises
    ------
    MapError
        Saying where and what to do.
    """
    try:
        file = msgspec.convert(data, _File)
    except msgspec.ValidationError as error:
        raise MapError(f"{where}: {error}; docs/collectors/modbus.md lists every key") from None
    kind = KIND_WORDS[file.kind]
    if not 1 <= file.registers_max <= REGISTERS_MAX:
        raise MapError(f"{where}: registers_max = {file.registers_max}; give 1 to {REGISTERS_MAX}")
    if not 0 <= file.gap_max < REGISTERS_MAX:
        raise MapError(f"{where}: gap_max = {file.gap_max}; give 0 to {REGISTERS_MAX - 1}")
    if not file.source.strip():
        raise MapError(f"{where}: source is empty; name the document that the addresses are from")
    if not file.register:
        raise MapError(f"{where}: there is no [[register]]; give one for each metric")
    air_kpa = atmosphere_kpa if file.atmosphere_kpa is None else file.atmosphere_kpa
    registers = []
    for i, entry in enumerate(file.register, 1):
        try:
            registers.append(_register(entry, file, kind, air_kpa))
        except (ValueError, KeyError) as error:
            text = error.args[0] if error.args else error
            raise MapError(f"{where}: register {i} ({entry.metric}): {text}") from None
    count = Counter(r.metric.name for r in registers)
    twice = [name for name, n in count.items() if n > 1 and name not in SEVERAL]
    if twice:
        raise MapError(f"{where}: {twice[0]} stands {count[twice[0]]} times; keep one of them")
    if widest := [r for r in registers if r.words > file.registers_max]:
        raise MapError(f"{where}: {widest[0].metric.name} needs more registers than registers_max")
    return RegisterMap(
        file.name, file.source, kind, tuple(registers), file.registers_max, file.gap_max
    )


def _register(entry: _Entry, file: _File, kind: Kind, air_kpa: float) -> Register:
    of, defaults = metric(kind, entry.metric), file.defaults
    table, address = _place(entry, file)
    in_bits = table in BIT_TABLES
    type_: Type = "bit" if in_bits else entry.type or defaults.type
    if in_bits and entry.type not in (None, "bit"):
        raise ValueError(f"table {table} has bits, no {entry.type}; leave type away")
    if (type_ == "bit" and not in_bits) != (entry.bit is not None):
        raise ValueError("bit = 0..15 goes with type = 'bit' in a table of registers, and only so")
    if entry.bit is not None and not 0 <= entry.bit <= 15:
        raise ValueError(f"bit = {entry.bit}; a register has bits 0 to 15")
    words = words_of(type_)
    if not 0 <= address <= 0x10000 - words:
        raise ValueError(f"address {entry.address} lies outside of the table {table}")
    factor, offset = _line(entry, of, defaults, air_kpa, type_)
    low, high = entry.valid or (-math.inf, math.inf)
    if not low < high:
        raise ValueError(f"valid = [{low:g}, {high:g}]; give the lower bound first")
    invalid = entry.invalid
    if invalid is None:
        # 0x7FFF says nothing in a float: the default goes with the default type.
        invalid = defaults.invalid if type_ == defaults.type else []
    return Register(
        of, table, address, words, type_, entry.bit or 0,
        entry.word_order or defaults.word_order, entry.byte_order or defaults.byte_order,
        factor, offset, frozenset().union(*(patterns(x, type_) for x in invalid)),
        low, high, _listed(entry),
    )  # fmt: skip


def _place(entry: _Entry, file: _File) -> tuple[Table, int]:
    """Table, and address on the wire."""
    if file.numbering == "modicon":
        digits = 100_000 if entry.address > 65_536 else 10_000
        leading, rest = divmod(entry.address, digits)
        if leading not in _MODICON or rest == 0:
            raise ValueError(
                f"address {entry.address} is no Modicon number: these are 0xxxx (coil), 1xxxx"
                " (discrete), 3xxxx (input), 4xxxx (holding), counted from 1"
            )
        table = _MODICON[leading]
        if entry.table not in (None, table):
            raise ValueError(f"address {entry.address} is in table {table}, not {entry.table}")
        return table, rest - 1
    table = entry.table or file.defaults.table
    return table, entry.address - (1 if file.numbering == "one" else 0)


def _line(
    entry: _Entry, of: Metric, defaults: _Defaults, air_kpa: float, type_: Type
) -> tuple[float, float]:
    """Factor and offset from the register's number to the metric's unit."""
    if entry.values is not None and (
        entry.scale is not None or entry.offset is not None or entry.unit is not None
    ):
        raise ValueError("values are in the metric's unit; leave scale, offset and unit away")
    scale = entry.scale if entry.scale is not None else 1.0 if type_ == "bit" else defaults.scale
    offset = entry.offset or 0.0
    if not math.isfinite(scale) or scale == 0 or not math.isfinite(offset):
        raise ValueError(f"scale = {scale}, offset = {offset}; both must be numbers, scale not 0")
    plain = of.unit == "1" and not of.name.endswith("_ratio")
    if entry.unit is None and entry.values is None and not plain and type_ != "bit":
        raise ValueError(f"unit is missing; say in what the device tells it ({of.unit}, ...)")
    by = conversion(of.name, of.unit, entry.unit or of.unit, air_kpa)
    return scale * by.factor, offset * by.factor + by.offset


def _listed(entry: _Entry) -> dict[float, float]:
    try:
        return {float(int(raw, 0)): value for raw, value in (entry.values or {}).items()}
    except ValueError:
        raise ValueError("values: keys are whole numbers, as '0' or '0x10'") from None
