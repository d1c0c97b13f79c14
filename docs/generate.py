"""Writes the pages that follow from the code: `make docs`; with --check it only says whether they are current.

wire.md comes from wire.md.in and the encoder, metrics.md from the catalogue, config.md from the configuration's types,
detectors.md from detectors.md.in, the detectors' dataclasses and their docstrings, the steps of runbooks from the causes; in
operations.md the tables of what parts tell, between their marks.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap

import numpy as np
from runbooks import SOURCES as RUNBOOKS

from coldplate.console import config
from coldplate.console.vitals.page import families
from coldplate.console.vitals.told import PARTS
from coldplate.dashboards.web.counts import Counts
from coldplate.streams.basis import BUDGET, PAGES
from coldplate.streams.catalogue import Entry, entries
from coldplate.wire.baseline import Baselines
from coldplate.wire.errors import Reason
from coldplate.wire.event import Event
from coldplate.wire.frame import Head, block, decode_frame, encode_frame
from coldplate.wire.incident import Anomaly, Incident
from coldplate.wire.layout import Layout
from coldplate.wire.metric import CATALOGUE, DTYPE_CODES, Kind, Metric, metric
from coldplate.wire.reject import Reject

HERE = Path(__file__).parent


def vector() -> bytes:
    """The frame of wire.md's test vector."""
    names = ("power_w", "gpu_c", "clock_event_reasons")
    layout = Layout.of(metric(Kind.GPU, n) for n in names)
    values = {
        "power_w": [[691.2, 405.0], [690.0, np.nan]],
        "gpu_c": [[61.0, 50.0], [61.0, 50.0]],
        "clock_event_reasons": [[4.0, 4.0], [4.0, 4.0]],
    }
    groups, present = layout.quantize(np.array([values[m.name] for m in layout.known if m]))
    gpus = ("rack-0003/node-5/gpu-0", "rack-0003/node-5/gpu-1")
    entry = block(layout, gpus, present)
    head = Head("demo", "rack-0003/node-5", "rack-0003", 7, 42, 1_790_000_000, 1000, 2, (entry,))
    return encode_frame(head, groups)


def plain(record: bytes) -> dict[str, object]:
    """A decoded frame as plain values, physical units, null where absent."""
    frame = decode_frame(record)
    head = {f: getattr(frame.head, f) for f in Head.__struct_fields__ if f != "blocks"}
    blocks = []
    for part in frame.parts:
        present = part.present()
        samples = {}
        for run, raw in part.arrays():
            for i in range(len(run.numbers)):
                entry = part.layout.known[run.first + i]
                if entry is None:
                    continue
                factor = 1.0 if run.dtype.kind == "f" else entry.scale
                there = np.ones(raw[i].shape, bool) if present is None else present[run.first + i]
                samples[entry.name] = [
                    [
                        round(float(v) * factor, 6) if ok else None
                        for v, ok in zip(*row, strict=True)
                    ]
                    for row in zip(raw[i], there, strict=True)
                ]
        blocks.append({"kind": part.kind.word, "devices": list(part.devices), "samples": samples})
    return {**head, "blocks": blocks}


def wire_page() -> str:
    """docs/wire.md."""
    record = vector()
    types = ", ".join(f"{code} {dtype}" for dtype, code in DTYPE_CODES.items())
    records = "; ".join(
        f"{t.__name__.lower()}: " + ", ".join(f"`{f}`" for f in t.__struct_fields__)
        for t in (Event, Anomaly, Incident, Reject, Baselines)
    )
    page = (HERE / "wire.md.in").read_text("utf-8")
    for name, text in {
        "DTYPES": f"{types} (numpy's names, little-endian)",
        "REASONS": ", ".join(f"`{r.value}`" for r in Reason),
        "VECTOR_BYTES": str(len(record)),
        "VECTOR": "\n".join(wrap(record.hex(), 96)),
        "VECTOR_JSON": json.dumps(plain(record), indent=1),
        "RECORDS": records,
    }.items():
        page = page.replace(f"@{name}@", text)
    return page


def _row(m: Metric) -> str:
    resolution = f"{m.scale:.12g}"
    cells = (
        m.number,
        f"`{m.name}`",
        m.unit,
        m.dtype,
        resolution,
        "" if m.kept is None else f"{m.kept:.12g}",
        m.rate,
        m.help,
        m.source,
        m.dcgm or "",
    )
    return "| " + " | ".join(str(c) for c in cells) + " |"


def metrics_page() -> str:
    """docs/metrics.md."""
    out = [
        "# Metrics",
        "",
        "Made from `wire/coldplate/wire/metric.py` by `make docs`. A metric's name is its column in ClickHouse and its key in recordings",
        "and `--json`; its number is its place on the wire and never changes. Fast metrics travel every tick, slow ones every 10 to 60.",
        "Absent is null, never 0. The history keeps whole steps of the resolution, or of `kept`.",
    ]
    for kind, metrics in CATALOGUE.items():
        out += ["", f"## {kind.word}: {len(metrics)} metrics", ""]
        out += [
            "| number | name | unit | dtype | resolution | kept | rate | meaning | source | DCGM |",
            "|" + "---|" * 10,
        ]
        out += [_row(m) for m in metrics]
    return "\n".join(out) + "\n"


def config_page() -> str:
    """docs/config.md."""
    out = [
        "# Configuration",
        "",
        "Made from `console/coldplate/console/config.py` by `make docs`. Defaults, then a TOML file (`--config FILE`, `COLDPLATE_CONFIG`, or",
        "`./coldplate.toml`), then the environment, where lists and tables are written as in TOML. A key that is not here, or a value of the",
        "wrong type or out of its range, is refused with its place.",
        "",
        "| key | environment | default | meaning |",
        "|---|---|---|---|",
    ]
    for setting in config.settings():
        names = ", ".join(f"`{name}`" for name in setting.variables)
        out.append(f"| `{setting.key}` | {names} | `{setting.default!r}` | {setting.meaning} |")
    out += ["", "Further variables, which the command itself reads:", ""]
    out += [f"- `{name}`: {meaning}" for name, meaning in config.OTHER.items()]
    return "\n".join(out) + "\n"


def detectors_page() -> str:
    """docs/detectors.md."""
    listed = entries()
    rows = [
        f"| [`{e.name}`](#{e.name}) | {e.kind} | `{e.fault}` | {e.severity} | {e.basis.word} | {e.budget} | {e.cost} |"
        for e in listed
    ]
    shares = [_share(e) for e in listed if e.basis.word == BUDGET and e.basis.pages]
    page = (HERE / "detectors.md.in").read_text("utf-8")
    for name, text in {
        "COUNT": str(len(listed)),
        "PAGES": f"{PAGES:g}",
        "TABLE": "\n".join(rows),
        "SHARES": "\n".join(shares),
        "DETECTORS": "\n".join(line for e in listed for line in _detector(e)),
    }.items():
        page = page.replace(f"@{name}@", text)
    return page


def _share(e: Entry) -> str:
    basis, events = e.basis, "single events"
    asked = f"{basis.sigma_asked(e.kind):.1f}" if basis.apart_s else events
    has = f"{basis.sigma:g}" if basis.apart_s else events
    return f"| `{e.name}` | {basis.pages:g} | {asked} | {has} | {basis.beside} |"


def _detector(e: Entry) -> Iterator[str]:
    yield from ("", f"### {e.name}", "", f"{e.measures} Shows `{e.metric}`.", "")
    yield from ("| parameter | default | allowed | meaning |", "|---|---|---|---|")
    for p in e.parameters.values():
        yield f"| `{p.name}` | {p.default:g} | {p.allowed} | {p.meaning.replace('|', '/')} |"


MARKS = ("<!-- metrics: made by docs/generate.py -->\n", "<!-- end of metrics -->\n")


def operations_page() -> str:
    """docs/operations.md: the part between the marks is made, the rest stays."""
    page = (HERE / "operations.md").read_text("utf-8")
    before, _, rest = page.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    return before + MARKS[0] + "\n".join(_told()) + "\n" + MARKS[1] + after


def _told() -> Iterator[str]:
    """What each part tells on `/metrics`."""
    head = ("| metric | kind | label | meaning |", "|---|---|---|---|")
    yield from ("", "Worker, sink and alerter:", "", *head)
    labels = {
        "coldplate_part_info": "part, version", "coldplate_part_waiting": "for",
        "coldplate_part_reloads_total": "outcome",
    }  # fmt: skip
    for f in families("worker", "", (), {}, 0.0):
        yield f"| `{f.name}` | {f.kind} | {labels.get(f.name, '')} | {f.help} |"
    for part, told in PARTS.items():
        yield from ("", f"{part.capitalize()}:", "", *head)
        for t in told:
            yield f"| `{t.name}` | {t.kind} | {t.label} | {t.help} |"
    yield from ("", "Web page:", "", *head)
    yield from _of_web()
    yield ""


def _of_web() -> Iterator[str]:
    # Its counters have labels once there is something to count.
    counts = Counts()
    counts.requests["x"] = counts.refused["x"] = counts.bytes_sent["x"] = counts.reloads["x"] = 1
    meaning = kind = name = ""
    for line in counts.rendered().splitlines():
        if line.startswith("# HELP"):
            _, _, name, meaning = line.split(" ", 3)
        elif line.startswith("# TYPE"):
            kind = line.rsplit(" ", 1)[1]
        else:
            label = line.partition("{")[2].partition("=")[0]
            yield f"| `{name}` | {kind} | {label} | {meaning} |"


SOURCES = {
    "wire.md": wire_page, "metrics.md": metrics_page, "config.md": config_page, "detectors.md": detectors_page,
    "operations.md": operations_page,
    **RUNBOOKS,
}  # fmt: skip


def main() -> int:
    """Write the pages, or check them."""
    stale = []
    for name, make in SOURCES.items():
        path, text = HERE / name, make()
        if path.exists() and path.read_text("utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.write_text(text, "utf-8")
    if stale:
        verb = "is not current; run `make docs`" if "--check" in sys.argv else "written"
        print(f"{', '.join(stale)} {verb}")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
