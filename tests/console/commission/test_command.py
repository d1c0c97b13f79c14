"""`coldplate commission` over a real history: a rack that went through the procedure, its files, and their check."""

import json
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import storing
from click.testing import CliRunner
from frames import record_bytes
from sinks.servers import database
from waiting import await_that

from coldplate.console.commands.commission import commission
from coldplate.console.commission import asked
from coldplate.console.commission.measure import mean
from coldplate.console.commission.recalled import Certified
from coldplate.console.commission.rehearsal import BEGIN_MS
from coldplate.console.context import Context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.querying import Asking
from coldplate.sinks.batch import Batch, Record
from coldplate.sinks.client import ClickHouseHistory, Client
from coldplate.sinks.inventory import store_inventory
from coldplate.sinks.migrate import migrate
from coldplate.sinks.settings import ClickHouseSettings
from coldplate.wire.inventory import Device, Inventory, generate, save_csv
from coldplate.wire.metric import Kind
from coldplate.wire.topic import Topics

pytestmark = pytest.mark.e2e
TICKS = 60


def frames(evidence, shift_ms):
    """Records of all its samples, a node and a unit each, as agents send them."""
    rack = evidence.rack
    for span in evidence.spans.values():
        for first in range(0, span.ticks, TICKS):
            part = span.part(first, first + TICKS)
            tick = (part.begin_ms + shift_ms) // 1000
            for n, node in enumerate(rack.nodes):
                of = rack.node_of_gpu == n
                gpus = tuple(rack.gpus[i] for i in np.flatnonzero(of))
                values = {
                    Kind.GPU: (gpus, {m: a[:, of] for m, a in part.values[Kind.GPU].items()}),
                    Kind.NODE: ((node,), {m: a[:, n : n + 1] for m, a in part.values[Kind.NODE].items()}),
                }  # fmt: skip
                yield record_bytes(node, rack.id, tick, part.ticks, values, seq=tick)
            of_unit = {Kind.CDU: ((rack.cdu,), part.values[Kind.CDU])}
            yield record_bytes(rack.cdu, rack.id, tick, part.ticks, of_unit, seq=tick)


@pytest.fixture(scope="module")
def site(clickhouse_url, healthy, tmp_path_factory):
    """A history with a healthy rack's procedure in it, an hour ago, and the files that describe it."""
    folder, topics = tmp_path_factory.mktemp("site"), Topics()
    start_ms = (int(time.time()) - 3600) * 1000
    serials = healthy.planned
    planned = Inventory(
        Device(d.kind, d.id, d.parent, d.index, d.uuid, serials.get(d.id, ""), d.hall, d.row) for d in generate(2)
    )  # fmt: skip
    save_csv(planned, folder / "found.csv")
    spans = {
        s.phase: {"begin_s": (s.begin_ms - BEGIN_MS) / 1000, "end_s": (s.begin_ms - BEGIN_MS) / 1000 + s.ticks, "marks": dict(s.marks)}
        for s in healthy.spans.values()
    }  # fmt: skip
    (folder / "spans.json").write_text(json.dumps(spans))
    with database(clickhouse_url) as settings, Client(settings) as client:
        migrate(client)
        store_inventory(client, planned)
        records = tuple(
            Record(topics.frames, 0, n, start_ms + 1_000_000, v)
            for n, v in enumerate(frames(healthy, start_ms - BEGIN_MS))
        )
        batch = Batch(topics.frames, 0, 0, len(records) - 1, records)
        storing.store(client, batch, "test")
        url = f"clickhouse://{settings.user}:{settings.password}@{settings.host}:{settings.port}/{settings.database}"
        start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start_ms / 1000))
        yield SimpleNamespace(folder=folder, url=url, start=start, start_ms=start_ms, client=client)


@pytest.fixture
def run(site, tmp_path):
    """The command, with files of this test alone."""

    def invoke(*words):
        env = {"COLDPLATE_CLICKHOUSE": site.url}
        return CliRunner().invoke(commission, [str(w) for w in words], obj=Context(), env=env)

    def on_history(*words):
        return invoke(
            *words, "--spans", site.folder / "spans.json", "--start", site.start, "--keep", tmp_path / "keep", "--who", "ada"
        )  # fmt: skip

    return SimpleNamespace(any=invoke, rack=on_history)


def test_a_rack_is_accepted_from_its_history(run, site, tmp_path):
    """What the twin showed comes back out of ClickHouse: all steps pass, and both files are there."""
    out, page = tmp_path / "rack.cert.json", tmp_path / "rack.html"
    ran = run.rack("rack-0000", "--found", site.folder / "found.csv", "--out", out, "--report", page, "--json")  # fmt: skip
    assert ran.exception is None, ran.exception
    (told,) = json.loads(ran.stdout.splitlines()[-1])["racks"]
    assert {"pass"} == set(told["steps"].values())
    assert ("accepted", [], str(out), str(page)) == (told["verdict"], told["held"], told["certificate"], told["report"])  # fmt: skip
    assert 64 == page.read_text("utf-8").count("<circle")
    key = tmp_path / "keep" / "key.pub"
    assert told["stored"] is True
    # What a worker begins with: all that is well, out of the history.
    history = ClickHouseHistory(ClickHouseSettings.from_url(site.url))
    (known,) = Certified(history).baselines("test", 0)
    history.close()
    assert ("rack-0000", [64, 8, 1]) == (known.rack, [len(b.devices) for b in known.blocks])
    genuine = run.any("verify", out, "--key", key)
    assert "genuine, rack-0000 accepted, signed by the key you named" in genuine.stdout
    assert "nobody vouches for" in run.any("verify", out).stdout
    whole = out.read_bytes()
    out.write_bytes(whole.replace(b'"accepted"', b'"accepteD"', 1))
    refused = run.any("verify", out)
    assert (1, True) == (refused.exception.exit_code, "not what was signed" in str(refused.exception))  # fmt: skip


def test_what_came_of_a_rack_is_in_history_before_and_after(run, site, tmp_path):
    """The certificate byte for byte; a later one stands beside it, in the command, on the page and in the folder."""
    page, kept = tmp_path / "rack.html", tmp_path / "keep" / "rack-0000.cert.json"
    words = ("rack-0000", "--found", site.folder / "found.csv")
    run.rack(*words)
    first = kept.read_bytes()
    run.rack("rack-0000", "--report", page)
    assert [first] == [p.read_bytes() for p in kept.parent.glob("rack-0000.cert.2*.json")]
    texts = site.client.execute(
        "SELECT certificate FROM certificates WHERE rack = 'rack-0000' AND back <= 2 ORDER BY back"
    )
    assert [kept.read_text(), first.decode()] == [text for (text,) in texts]
    (line,) = [r for r in told_of(run.any("list", "--json"), "racks") if r["rack"] == "rack-0000"]
    assert ("rack-0000", "held", "inventory", "not-measured", 64) == tuple(line[k] for k in ("rack", "state", "step", "cause", "held"))  # fmt: skip
    shown = json.loads(run.any("show", "rack-0000", "--json").stdout.splitlines()[-1])
    assert "held" == shown["changes"][-1]["state"] == shown["certificate"]["verdict"]
    (aside,) = kept.parent.glob("rack-0000.cert.2*.json")
    for named in (("rack-0000",), (aside, kept)):
        compared = json.loads(run.any("compare", *named, "--json").stdout.splitlines()[-1])
        assert ("accepted", "held") == (compared["before"]["verdict"], compared["after"]["verdict"])
        assert {"inventory": ["pass", "not-measurable"]} == compared["changed"]["steps"]
        assert (64, 64) == (len(compared["changed"]["held"]), len(compared["gpus"]))
        assert 0.0 == compared["gpus"]["rack-0000/node-1/gpu-2"]["r_k_per_w"]["difference"]
        assert {"approach_k", "of_clean_ratio", "pump2_head_of_curve_ratio"} <= set(
            compared["unit"]
        )
    assert (
        "step inventory: pass before, not-measurable now" in run.any("compare", "rack-0000").stdout
    )
    assert "accepted before, held now" in page.read_text("utf-8")
    # From the file, where history lost it; and the same one again is one.
    before = site.client.execute("SELECT count() FROM commissions FINAL")
    assert (
        "1 changes of 1 racks stored"
        in run.any("store", kept, "--key", kept.parent / "key.pub").stdout
    )
    assert before == site.client.execute("SELECT count() FROM commissions FINAL")


def told_of(ran, key):
    assert ran.exception is None, ran.exception
    return json.loads(ran.stdout.splitlines()[-1])[key]


def test_a_state_is_told_by_hand(run, site):
    """Of racks that the inventory has, at a time, by whom."""
    told = run.any("mark", "delivered", "rack-0001", "--at", "-2h", "--who", "cy", "--json")
    assert ["rack-0001"] == told_of(told, "racks")
    run.any("mark", "cabled", "rack-0001", "--who", "cy")
    rows = site.client.execute("SELECT state, gpus, who FROM commissions FINAL WHERE rack = 'rack-0001' AND who = 'cy' ORDER BY t")  # fmt: skip
    assert [("delivered", 64, "cy"), ("cabled", 64, "cy")] == rows


def test_a_long_span_is_read_in_fewer_ticks(site, healthy, monkeypatch):
    """Means stay what they were, and no counter is lost: a soak of three days is 1,800 ticks."""
    monkeypatch.setattr(asked, "TICKS_MAX", 7)
    monkeypatch.setenv("COLDPLATE_CLICKHOUSE", site.url)
    whole = healthy.spans["full"]
    begin_ms = site.start_ms + whole.begin_ms - BEGIN_MS
    asking = Asking(Context(), limits=asked.LIMITS)
    rack, planned = asked.Asked(asking).rack("rack-0000")
    span = asked.Asked(asking).span(rack, "full", begin_ms, begin_ms + 1000 * whole.ticks, {"a": 20.0})  # fmt: skip
    asking.close()
    assert (rack.gpus, rack.nodes, planned) == (healthy.rack.gpus, healthy.rack.nodes, planned)
    assert (span.ticks <= 7, span.tick_s) == (True, 9.0)
    assert 11.0 <= span.marks["a"] <= 20.0
    power = mean(span.settled().get(Kind.GPU, "power_w"))
    np.testing.assert_allclose(power, mean(whole.settled().get(Kind.GPU, "power_w")), rtol=0.01)
    assert not np.isnan(span.get(Kind.GPU, "pcie_width", 64)[-1]).any()


def test_racks_side_by_side_and_what_was_not_measured(run):
    """A rack that said nothing is held, one whose serials nobody asked for too; the command ends with 1."""
    ran = run.rack("rack-0000", "rack-0001", "--json")
    assert 1 == ran.exit_code
    first, second = json.loads(ran.stdout.splitlines()[-1])["racks"]
    results = {n for n, r in first["steps"].items() if r != "pass"}
    assert ("held", {"inventory"}) == (first["verdict"], results)
    assert {"not-measurable", "fail"} >= set(second["steps"].values())
    assert 64 == len(second["held"])


def test_a_killed_command_goes_on(site, run, tmp_path):
    """Live, asking nobody: the phase that was over is not made again after a kill, the other one is."""
    limits = tmp_path / "limits.toml"
    told = "[commission]\nlate_s = 0.0\nseconds = {{rope = 0.5, idle = {idle}}}\n"
    limits.write_text(told.format(idle=600.0))
    words = ["rack-0000", "--steps", "rope,dew-point", "--yes", "--keep", tmp_path / "keep", "--limits", limits, "--who", "dy"]  # fmt: skip
    kept = tmp_path / "keep" / "rack-0000.progress.json"
    code = (
        "import sys;from coldplate.console.commands.commission import commission as c;"
        "from coldplate.console.context import Context;c.main(sys.argv[1:],obj=Context())"
    )
    env = {**os.environ, "COLDPLATE_CLICKHOUSE": site.url}
    with subprocess.Popen([sys.executable, "-c", code, *map(str, words)], env=env, stdout=subprocess.DEVNULL) as process:  # fmt: skip
        await_that(lambda: kept.exists() and "rope" in json.loads(kept.read_text())["phases"], 20, "the rope")  # fmt: skip
        process.kill()
    before = json.loads(kept.read_text())["phases"]
    limits.write_text(told.format(idle=0.5))
    ran = run.any(*words, "--json")
    (result,) = json.loads(ran.stdout.splitlines()[-1])["racks"]
    after = json.loads(kept.read_text())["phases"]
    assert (1, "held") == (ran.exit_code, result["verdict"])
    assert before == {"rope": after["rope"]}
    assert after["idle"]["begin_ms"] > after["rope"]["end_ms"]
    sql = "SELECT state, step FROM commissions FINAL WHERE rack = 'rack-0000' AND who = 'dy' ORDER BY t"
    states = site.client.execute(sql)
    # The kill may have come before or after the first idle phase was told of.
    assert [("tight", "rope"), ("powered", "idle"), ("held", "sensors")] == list(dict.fromkeys(states))  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rack-000",), "near are rack-000"),
        (("rack-0000", "--steps", "flaw"), "no step is called 'flaw'"),
        (("rack-0000", "rack-0001", "--out", "a.json"), "are of one rack"),
        (("rack-0000", "--sku", "big"), "name the file that has it"),
        (("rack-0000", "--report", "a.pdf"), "ends in .html"),
        (("verify",), "name one certificate"),
        (("verify", "none.json"), "none.json"),
        (("--yes", "verify", "none.json"), "stands first"),
        (("compare",), "name a rack, or two"),
        (("compare", "rack-9999"), "0 certificates of rack-9999"),
        (("show", "rack-9999"), "knows no change of rack-9999"),
        (("list", "--state", "done"), "there are planned"),
        (("mark", "done", "rack-0000"), "there are planned"),
        (("mark", "held", "rack-0000"), "--cause"),
        (("mark", "filled", "rack-9999"), "no rack 'rack-9999'"),
    ],
)
def test_bad_input_says_what_to_do(run, words, said, tmp_path, monkeypatch):
    """In one line, with 2."""
    monkeypatch.chdir(tmp_path)
    found = (run.rack if words[0].startswith("rack") else run.any)(*words).exception
    assert isinstance(found, Failure)
    assert (BAD_INPUT, True) == (found.exit_code, said in str(found)), str(found)
