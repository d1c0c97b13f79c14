"""docs/wire.md suffices: a reader written from the page alone, with nothing of ours, reads its test vector.

Types, scales and the vector are taken from the pages' text; the code below is what a stranger would write.
"""

import json
import re
import struct
import zlib
from math import isfinite
from pathlib import Path

import msgspec
import pytest

from coldplate.wire.event import Event
from coldplate.wire.incident import Anomaly, Incident
from coldplate.wire.metric import CATALOGUE, Kind
from coldplate.wire.reject import Reject

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "wire.md").read_text("utf-8")
METRICS = (DOCS / "metrics.md").read_text("utf-8")

STRUCT = {"u1": "B", "u2": "H", "u4": "I", "u8": "Q", "i2": "h", "i4": "i", "f4": "f", "f8": "d"}


def fenced(language):
    """The page's only block in a fence of that language."""
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return text


def vector():
    return bytes.fromhex(fenced("").replace("\n", ""))


def dtypes():
    """Names by code, from the page's list."""
    line = re.search(r"^dtype codes: (.*?) \(numpy", PAGE, re.MULTILINE)[1]
    return {int(code): name for code, name in (item.split() for item in line.split(", "))}


def kinds():
    """Words by code, from the page's table of a block."""
    line = re.search(r"^\| 0 \| `kind` \| [^|]* \| (.*?) \|$", PAGE, re.MULTILINE)[1]
    return {int(code): word.lower() for code, word in (item.split() for item in line.split(", "))}


def catalogue(kind):
    """Name, dtype and scale by number, from metrics.md's table of a kind."""
    table = METRICS.split(f"## {kind}: ")[1].split("\n## ")[0]
    rows = [
        [c.strip(" `") for c in line.split("|")[1:-1]] for line in table.splitlines()[4:] if line
    ]
    return {int(row[0]): (row[1], row[3], float(row[4])) for row in rows}


def read(record):
    """A frame as plain values, by the page's words."""
    schema, crc, packed, body = msgspec.msgpack.decode(record)
    assert schema == 1
    assert zlib.crc32(packed + body) == crc
    head = msgspec.msgpack.decode(packed)[:9]
    names = ["cluster", "source", "rack", "boot", "seq", "tick", "tick_ms", "ticks"]
    out = dict(zip(names, head, strict=False))
    ticks, offset = out["ticks"], 0
    out["blocks"] = []
    for kind, devices, layout, mask in head[8]:
        word, samples, bit = kinds()[kind], {}, 0
        for (entry,) in struct.iter_unpack("<H", layout):
            name, _, scale = catalogue(word)[entry & 0xFFF]
            dtype = dtypes()[entry >> 12]
            count = ticks * len(devices)
            form = f"<{count}{STRUCT[dtype]}"
            raw = struct.unpack_from(form, body, offset)
            offset += struct.calcsize(form)
            values = []
            for number in raw:
                there = not mask or mask[bit // 8] >> (7 - bit % 8) & 1
                bit += 1
                physical = number if dtype[0] == "f" else round(number * scale, 6)
                values.append(physical if there and isfinite(physical) else None)
            size = len(devices)
            samples[name] = [values[t * size : (t + 1) * size] for t in range(ticks)]
        out["blocks"].append({"kind": word, "devices": devices, "samples": samples})
    assert offset == len(body)
    return out


def test_the_vector_decodes_to_what_the_page_says():
    """Bytes and JSON of the page agree, absence included."""
    expected = json.loads(fenced("json"))
    assert expected == read(vector())
    assert None is expected["blocks"][0]["samples"]["power_w"][1][1]
    assert f"{len(vector())} bytes:" in PAGE


def test_every_changed_bit_of_the_vector_shows():
    """The page's checksum covers head and body: no damage decodes to other values."""
    expected = read(vector())
    for position in range(len(vector())):
        changed = bytearray(vector())
        changed[position] ^= 1
        try:
            got = read(bytes(changed))
        except (AssertionError, ValueError, TypeError, msgspec.DecodeError):
            continue
        assert expected == got


@pytest.mark.parametrize("kind", Kind, ids=lambda k: k.word)
def test_the_page_of_metrics_says_number_dtype_and_scale_exactly(kind):
    """A stranger multiplies by what stands there, so it may not be rounded."""
    expected = {m.number: (m.name, m.dtype, m.scale) for m in CATALOGUE[kind]}
    assert expected == catalogue(kind.word)


@pytest.mark.parametrize("record", [Event, Anomaly, Incident, Reject], ids=lambda r: r.__name__)
def test_the_page_lists_the_fields_of_the_small_records(record):
    """In the order in which they are written."""
    listed = re.search(rf"{record.__name__.lower()}: ((`\w+`(, )?)+)", PAGE.split("Fields: ")[1])[1]
    assert list(record.__struct_fields__) == re.findall(r"`(\w+)`", listed)
