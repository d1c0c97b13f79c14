"""A prepared frame: what stays the same when it is sent again, at other ticks or by another rack."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import msgspec
from msgspec.structs import replace as replaced

from coldplate.agents.framer import Framed
from coldplate.wire.frame import Block, Head, decode_frame, seal

Names = tuple[str, ...]

_pack = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Template:
    """Head and body apart; the body is sent as it is."""

    source: str
    rack: str
    seq: int
    tick: int
    ticks: int
    blocks: tuple[Block, ...]
    body: bytes
    values: int
    urgent: bool

    @classmethod
    def of(cls, framed: Framed) -> Self:
        """What a framer made."""
        frame = decode_frame(framed.record)
        head = frame.head
        return cls(
            head.source, framed.rack, head.seq, head.tick, head.ticks, head.blocks,
            b"".join([p.body for p in frame.parts]), framed.values, framed.urgent,
        )  # fmt: skip

    def sent(self, cluster: str, boot: int, seq: int, tick: int) -> Framed:
        """The frame with another number and first tick."""
        head = Head(cluster, self.source, self.rack, boot, seq, tick, 1000, self.ticks, self.blocks)
        record = seal(_pack(head), self.body)
        return Framed(
            head.identity, self.rack, tick * 1000, self.ticks, self.values, self.urgent, record
        )

    def by(self, source: str, rack: str, names: Callable[[Names], Names]) -> Self:
        """The same of a source of another rack, its devices named anew."""
        blocks = tuple(replaced(b, devices=names(b.devices)) for b in self.blocks)
        return replace(self, source=source, rack=rack, blocks=blocks)
