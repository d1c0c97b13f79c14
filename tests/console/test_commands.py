"""The commands that need no part of the pipeline, and those that ask the servers, on real ones."""

import csv
import io
import json
from uuid import uuid4

import pytest
from sinks.servers import database

from coldplate.sinks.migrate import known
from coldplate.wire.inventory import generate, save_csv
from coldplate.wire.topic import Topics


def told(ran, code=0):
    assert (code, "") == (ran.returncode, ran.stderr)
    return json.loads(ran.stdout.splitlines()[-1])


def test_a_generated_inventory_is_checked_and_shown(run, tmp_path):
    """What `generate` writes `check` counts, and `show` filters by kind and place."""
    path = tmp_path / "hall.csv"
    ran = run("inventory", "generate", path, "--racks", 2, "--nodes", 3, "--gpus", 4)
    assert (0, f"{path}: 2 racks, 24 GPUs\n") == (ran.returncode, ran.stdout)
    counts = {"hall": 1, "row": 1, "rack": 2, "node": 6, "gpu": 24, "cdu": 2}
    checked = told(run("inventory", "check", path, "--json"))
    assert {"ok": True, "counts": counts, "key_clashes": []} == checked
    shown = told(run("inventory", "show", path, "--kind", "gpu", "--under", "rack-0001/node-2", "--json"))  # fmt: skip
    assert [f"rack-0001/node-2/gpu-{g}" for g in range(4)] == [d["id"] for d in shown["devices"]]
    assert "rack-0001/cdu" in run("inventory", "show", path, "--kind", "cdu").stdout


def test_the_inventory_of_the_configuration_is_used(run, tmp_path):
    """A file need not be given each time."""
    save_csv(generate(1), tmp_path / "hall.csv")
    found = run("inventory", "check", "--json", COLDPLATE_INVENTORY=str(tmp_path / "hall.csv"))
    assert 64 == told(found)["counts"]["gpu"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind,id\n", ["line 1", "parent"]),
        ("kind,id,parent\nrack,a,\nrack,a,\n", ["'a'", "twice"]),
        ("kind,id,parent\ngpu,a/0,a\n", ["a/0", "not in the inventory"]),
        ("kind,id,parent,index\nrack,a,,first\n", ["line 2", "'first'"]),
        ("kind,id,parent\nswitch,a,\n", ["'switch'", "cdu"]),
    ],
)
def test_a_wrong_inventory_is_refused_with_its_place(run, tmp_path, text, words):
    """File, place, and what is expected, in one line."""
    path = tmp_path / "hall.csv"
    path.write_text(text)
    ran = run("inventory", "check", path)
    assert (2, "") == (ran.returncode, ran.stdout)
    assert 1 == ran.stderr.count("\n")
    assert [] == [word for word in [str(path), *words] if word not in ran.stderr]


def test_topics_are_shown_under_their_prefix(run):
    """Names, keys and retention, before anything is made."""
    found = told(run("topics", "show", "--json", COLDPLATE_TOPIC_PREFIX="hall-1"))["topics"]
    assert [s.name for s in Topics("hall-1").specs()] == [t["topic"] for t in found]
    assert {"topic", "key", "retention_h", "holds"} == set(found[0])
    table = run("topics", "show").stdout
    assert all(spec.name in table for spec in Topics().specs())


def test_scenarios_are_listed(run):
    """Those that come with coldplate, the demo's among them."""
    found = {s["scenario"]: s for s in told(run("twin", "list", "--json"))["scenarios"]}
    assert (4, 256) == (found["demo"]["racks"], found["demo"]["gpus"])
    assert 0 == found["healthy"]["faults"]


def test_without_a_stack_there_is_nothing_to_show_or_stop(run, tmp_path):
    """`status` says so and exits with 1; `down` has nothing to do; neither makes the folder."""
    state = tmp_path / "state"
    expected = {"running": False, "ok": False, "state": str(state), "parts": []}
    assert expected == told(run("status", "--json"), 1)
    ran = run("status")
    assert 1 == ran.returncode
    assert f"no stack runs in {state}" in ran.stdout
    ran = run("down")
    assert (0, f"no stack runs in {state}\n") == (ran.returncode, ran.stdout)
    assert not state.exists()


def test_the_doctor_says_what_to_do(run, tmp_path):
    """Each finding has a name, a verdict and what was found; each that is not ok has something to do."""
    empty = {"COLDPLATE_CACHE": str(tmp_path / "cache"), "PATH": "/usr/bin:/bin"}
    found = told(run("doctor", "--json", **empty), 1)
    checks = {check["name"]: check for check in found["checks"]}
    assert found["ok"] is False
    assert {"name", "ok", "found", "todo"} == set.union(*map(set, checks.values()))
    assert {"kafka", "clickhouse"} == {name for name, check in checks.items() if not check["ok"]}
    assert "coldplate fetch" == checks["kafka"]["todo"]
    assert {"python", "cramjam", "crc32c", "java", "clock", "disk of state folder"} <= set(checks)
    ran = run("doctor", **empty)
    assert 1 == ran.returncode
    assert 2 == ran.stdout.count("MISSING")


def test_the_doctor_finds_a_wrong_configuration(run):
    """It is one finding among the others, not the end of the doctor."""
    found = told(run("doctor", "--json", COLDPLATE_AGENT__TICKS="many"), 1)
    wrong = {check["name"]: check for check in found["checks"] if not check["ok"]}
    assert "agent.ticks" in wrong["configuration"]["found"]


@pytest.mark.e2e
def test_topics_are_made_once(run, kafka_bootstrap):
    """A second call leaves what is there; the doctor finds the server."""
    environ = {"COLDPLATE_KAFKA": kafka_bootstrap, "COLDPLATE_TOPIC_PREFIX": f"t{uuid4().hex[:8]}"}
    names = [spec.name for spec in Topics(environ["COLDPLATE_TOPIC_PREFIX"]).specs()]
    for became in ("created", "exists"):
        made = told(run("topics", "create", "--partitions", 2, "--json", **environ))
        assert {"topics": dict.fromkeys(names, became)} == made
    checks = json.loads(run("doctor", "--json", **environ).stdout)["checks"]
    (kafka,) = [check for check in checks if check["name"] == "kafka"]
    assert kafka["ok"]
    assert kafka_bootstrap in kafka["found"]


@pytest.mark.e2e
def test_the_history_is_made_and_asked(run, clickhouse_url, tmp_path):
    """`migrate` says what is to be done and does it once; `sql` answers in three forms; errors are a line."""
    save_csv(generate(1), tmp_path / "hall.csv")
    files = [migration.name for migration in known()]
    with database(clickhouse_url) as settings:
        url = clickhouse_url.rpartition("/")[0] + f"/{settings.database}"
        environ = {"COLDPLATE_CLICKHOUSE": url}
        check = ("migrate", "--check", "--json")
        assert files == told(run(*check, **environ), 1)["pending"]
        inventory = ("--inventory", tmp_path / "hall.csv")
        made = told(run("migrate", *inventory, "--json", **environ))
        assert {"applied": files, "inventory": len(generate(1)), "retention_changed": []} == made
        assert [] == told(run(*check, **environ))["pending"]
        assert "the schema is up to date\n" == run("migrate", **environ).stdout

        query = "SELECT kind, count() AS n FROM inventory GROUP BY kind HAVING kind = 'gpu'"
        answer = told(run("sql", query, "--json", **environ))
        assert {"columns": ["kind", "n"], "rows": [["gpu", 64]]} == answer
        rows = csv.reader(io.StringIO(run("sql", "-", "--csv", stdin=query, **environ).stdout))
        assert [["kind", "n"], ["gpu", "64"]] == list(rows)
        assert ["gpu", "64"] == run("sql", query, **environ).stdout.split()[-2:]
        assert {"incidents": []} == told(run("incidents", "--json", **environ))
        assert "no incidents\n" == run("incidents", "--all", **environ).stdout
        refused = run("sql", "SELECT nothing", **environ)
        assert (2, 1) == (refused.returncode, refused.stderr.count("\n"))
        assert "nothing" in refused.stderr
