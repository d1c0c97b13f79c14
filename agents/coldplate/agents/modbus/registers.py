"""One entry of a map: which registers hold a metric, and how a number in the catalogue's unit comes of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from coldplate.agents.modbus.decode import Order, Type, number, pattern, told
from coldplate.wire.metric import Kind, Metric

Table = Literal["coil", "discrete", "holding", "input"]

BIT_TABLES: tuple[Table, ...] = ("coil", "discrete")


@dataclass(frozen=True, slots=True)
class Register:
    """Where a metric stands in a device.

    Parameters
    ----------
    metric
        Of the catalogue.
    table, address, words
        Address as on the wire, from 0; in the tables of bits, `words` is 1 bit.
    type, bit, word_order, byte_order
        As in `decode`; `bit` counts from the least significant, and is for type `bit` in a table of words.
    factor, offset
        `value = number * factor + offset`, in the metric's unit.
    invalid
        Bit patterns that say that there is no value.
    low, high
        Bounds of the value in the metric's unit; outside of them there is none.
    values
        By number: the value. What is not listed has none. Empty: every number is a value.
    """

    metric: Metric
    table: Table
    address: int
    words: int
    type: Type
    bit: int
    word_order: Order
    byte_order: Order
    factor: float
    offset: float
    invalid: frozenset[int]
    low: float
    high: float
    values: Mapping[float, float]

    @property
    def end(self) -> int:
        """One past its last address."""
        return self.address + self.words

    def value(self, words: Sequence[int]) -> float:
        """The value that these registers (or this one bit) tell; NaN where they tell none."""
        if self.table in BIT_TABLES:
            raw = float(words[0])
        elif self.type == "bit":
            (word,) = words
            raw = float(pattern((word,), "big", self.byte_order) >> self.bit & 1)
        else:
            if self.invalid and pattern(words, self.word_order, self.byte_order) in self.invalid:
                return math.nan
            raw = number(words, self.type, self.word_order, self.byte_order)
        if not told(raw):
            return math.nan
        if self.values:
            return self.values.get(raw, math.nan)
        value = raw * self.factor + self.offset
        return value if self.low <= value <= self.high else math.nan


@dataclass(frozen=True, slots=True)
class RegisterMap:
    """What the registers of one make of device mean.

    Parameters
    ----------
    name, source
        The device, and the document that the addresses come from.
    kind
        Of the catalogue.
    registers
        Several of one metric only for `leak`: wet is what any of them says.
    registers_max, gap_max
        Most registers of one request, and how many that nobody wants may lie between two that are wanted.
    """

    name: str
    source: str
    kind: Kind
    registers: tuple[Register, ...]
    registers_max: int
    gap_max: int
