"""The cookbook, `coldplate sql` and `coldplate plot`, as the reader, on a recorded day in a real ClickHouse."""

import csv
import io
import json
import re
import socket
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from sinks.day import SWAPPED, load_day
from sinks.servers import database

from coldplate.console.main import cli
from coldplate.console.prompting import Prompt
from coldplate.sinks.client import Client
from coldplate.sinks.migrate import migrate
from coldplate.sinks.recipes import ROLES, recipes
from coldplate.sinks.settings import ClickHouseSettings

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/sql.md").read_text("utf-8")
TO = "to=" + (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
GPU = "rack-0000/node-0/gpu-0"
PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def day(endpoints):
    """What was stored, and the reader's URL; the owner is asked where the reader may not."""
    with database(endpoints.clickhouse_owner) as settings, Client(settings) as owner:
        migrate(owner)
        loaded = load_day(owner)
        reader = replace(
            ClickHouseSettings.from_url(endpoints.clickhouse_reader), database=settings.database
        )
        yield loaded, owner, url_of(reader), endpoints.clickhouse_http


def url_of(s, **other):
    s = replace(s, **other)
    return f"clickhouse://{s.user}:{s.password}@{s.host}:{s.port}/{s.database}"


@pytest.fixture
def coldplate(day, monkeypatch):
    """The command, in this process, as the reader."""
    monkeypatch.setenv("COLDPLATE_CLICKHOUSE", day[2])
    return lambda *words, **given: CliRunner().invoke(cli, [str(w) for w in words], **given)


def answer(ran):
    assert ran.exception is None, ran.exception
    found = json.loads(ran.stdout.splitlines()[-1])
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]


def test_there_are_questions_for_every_role(coldplate):
    """25 at least, each named, listed with its parameters, and in the page."""
    listed = json.loads(coldplate("sql", "--list", "--json").stdout)["recipes"]
    assert 25 <= len(listed)
    assert [r["name"] for r in listed] == list(recipes())
    assert set(ROLES) == {r["role"] for r in listed}
    assert {"job", "pue", "price"} == set(
        next(r for r in listed if r["name"] == "cost-of-a-job")["params"]
    )


@pytest.mark.parametrize("name", recipes())
def test_a_question_answers(coldplate, name):
    """At least a row, of the columns that the page shows below the same query."""
    recipe = recipes()[name]
    ends = ["--params", TO] if "to" in {p.name for p in recipe.params} else []
    rows = answer(coldplate("sql", "--run", name, *ends, "--json"))
    assert 1 <= len(rows)
    section = PAGE.partition(f"### {recipe.title}\n")[2].partition("\n### ")[0]
    assert f"```sql\n{recipe.sql}\n```" in section, "run `make cookbook`"
    assert f"| {' | '.join(rows[0])} |" in section, "run `make cookbook`"
    assert recipe.tells in section.replace("\n", " ")


def test_energy_is_neither_lost_nor_doubled(day):
    """What jobs had and what nobody had is what the GPUs used; on a shared GPU too."""
    _, owner, *_ = day
    ((all_kwh,),) = owner.execute("SELECT sum(used) / 3.6e9 FROM gpu_1m_stats")
    ((jobs_kwh, shared_kwh),) = owner.execute(
        "SELECT sum(kwh), sumIf(kwh, job IN ('4716', '4717')) FROM energy_by_job"
    )
    assert 0.3 * all_kwh < jobs_kwh < all_kwh
    ((gpu_kwh,),) = owner.execute(
        "SELECT sum(used) / 3.6e9 FROM gpu_1m_stats WHERE t >= (SELECT min(since) FROM job_gpus WHERE job = '4716')"
        " AND device = (SELECT device FROM inventory FINAL WHERE id = (SELECT any(gpu) FROM job_gpus WHERE job = '4716'))"
    )
    assert shared_kwh == pytest.approx(gpu_kwh, rel=0.01)


def test_the_day_tells_what_happened(coldplate):
    """The pump's stop is an incident, the hose's kink is in the flow; the GPU that fell off the bus twice is a lemon and was swapped."""
    kinds = {r["kind"]: r for r in answer(coldplate("sql", "--run", "incidents-by-kind", "--json"))}
    assert 1 <= kinds["pump-stop"]["pages"]
    flow = answer(coldplate("sql", "--run", "flow-before-page", "--json"))
    assert {"rack-0000", "rack-0001"} == {r["rack"] for r in flow}
    lost = {r["rack"]: min(x["flow_lpm"] for x in flow if x["rack"] == r["rack"]) for r in flow}
    assert lost["rack-0000"] < 0.8 * lost["rack-0001"]
    lemons = {r["id"]: r for r in answer(coldplate("sql", "--run", "lemons", "--json"))}
    assert ["gpu-lost"] == lemons[SWAPPED]["kinds"]
    there = [
        r
        for r in answer(coldplate("sql", "--run", "who-sat-there", "--json"))
        if r["slot"] == SWAPPED
    ]
    assert [False, True] == [r["until"] is None for r in there]
    assert there[0]["serial"] != there[1]["serial"]


def test_every_form_says_the_same(coldplate, tmp_path):
    """A table for people, JSON, CSV and parquet; a file instead of stdout."""
    words = ("sql", "SELECT id, gpu_c FROM hottest ORDER BY id LIMIT 3")
    rows = answer(coldplate(*words, "--json"))
    assert [str(r["id"]) for r in rows] == [
        r["id"] for r in csv.DictReader(io.StringIO(coldplate(*words, "--csv").stdout))
    ]
    for form in ("json", "csv", "parquet"):
        out = tmp_path / f"rows.{form}"
        assert coldplate(*words, "--format", form, "--out", out).exception is None
        assert out.stat().st_size
    assert rows == pq.read_table(tmp_path / "rows.parquet").to_pylist()
    assert rows[0]["id"] in coldplate(*words).stdout
    assert "--out" in str(coldplate(*words, "--format", "parquet").exception)


def test_a_query_of_ones_own_has_parameters(coldplate):
    """Typed as ClickHouse does; quotes in a value stay in it."""
    ran = coldplate("sql", "SELECT {who:String} AS who, {n:UInt8} + 1 AS n", "--params", "who=O'Ne\\ill", "--params", "n=3", "--json")  # fmt: skip
    assert [{"who": "O'Ne\\ill", "n": 4}] == answer(ran)
    assert "no value for n" in str(
        coldplate("sql", "SELECT {n:UInt8}", "--params", "m=1").exception
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["SELECT gpu_temp_c FROM gpu_samples"], ["gpu_temp_c", "gpu_samples", "gpu_c"]),
        (["SELECT 1 FROM gpu_sample"], ["'gpu_sample'", "gpu_samples"]),
        (["SELEC 1"], ["failed at position"]),
        (["SELECT max(power_w) FROM gpu_samples", "--max-read", "100"], ["rollup", "--max-read"]),
        (["SELECT t FROM gpu_samples", "--max-rows", "5"], ["LIMIT", "--max-rows"]),
        (["SELECT count() FROM numbers(8000000000) WHERE sipHash64(number) = 7", "--timeout", "1", "--max-read", "9000000000"], ["--timeout"]),
        (["--run", "one-gpus"], ["one-gpu"]),
        (["--run", "one-gpu", "--params", "gpu=rack-0000/node-0/gpu-9"], ["near are rack-0000/node-0/gpu-"]),
        (["--run", "one-gpu", "--params", "from=now", "--params", "to=-3h"], ["not before", "UTC"]),
        (["--run", "one-gpu", "--params", "from=2026-11-27 10:00 CET"], ["'CET'", "offset"]),
        (["--run", "one-gpu", "--params", "from=yesterday"], ["'yesterday'", "-6h"]),
        (["--run", "one-gpu", "--params", "speed=3"], ["speed", "gpu"]),
        (["SELECT 1", "--params", "speed"], ["NAME=VALUE"]),
        (["SELECT 1", "--run", "one-gpu"], ["not both"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_one_line_with_what_to_do(coldplate, words, expected):
    """No traceback, no page of grammar."""
    said = str(coldplate("sql", *words).exception)
    assert [] == [word for word in expected if word not in said], said
    assert "\n" not in said


def cut(server):
    """Take one connection and end it."""
    server.accept()[0].close()


def test_a_wrong_password_and_a_cut_connection_are_told_apart(day, coldplate, monkeypatch):
    """The first names where the password stands, the second the server; neither shows the password."""
    right = ClickHouseSettings.from_url(day[2])
    monkeypatch.setenv("COLDPLATE_CLICKHOUSE", url_of(right, password="hush"))
    said = str(coldplate("sql", "SELECT 1").exception)
    assert "clickhouse.password_file" in said
    assert "hush" not in said
    with socket.create_server(("127.0.0.1", 0)) as server:
        closer = threading.Thread(target=cut, args=(server,))
        closer.start()
        monkeypatch.setenv("COLDPLATE_CLICKHOUSE", url_of(right, port=server.getsockname()[1]))
        said = str(coldplate("sql", "SELECT 1").exception)
        closer.join()
    assert "coldplate up" in said


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO gpu_samples (device) VALUES (1)",
        "DROP TABLE gpu_samples",
        "TRUNCATE TABLE events",
        "ALTER TABLE gpu_samples DELETE WHERE 1",
        "CREATE TABLE mine (x UInt8) ENGINE = Memory",
        "SELECT * FROM system.users",
        "SELECT * FROM system.grants",
        "SELECT * FROM system.server_settings",
        "SELECT * FROM url('http://127.0.0.1:1/x', CSV, 'x String')",
        "SELECT * FROM file('/etc/passwd', LineAsString)",
        "SELECT * FROM remote('127.0.0.1:9000', system.one)",
        "SELECT * FROM s3('http://127.0.0.1:1/x', 'CSV')",
        "SELECT * FROM executable('true', TSV, 'x String')",
        "SET readonly = 0",
        "SELECT count() FROM gpu_samples SETTINGS max_execution_time = 99999",
        "SYSTEM SHUTDOWN",
    ],
)
def test_the_reader_reads_its_database_and_nothing_else(day, coldplate, sql):
    """Every way out is refused, and what is there is there afterwards."""
    _, owner, *_ = day
    before = owner.execute("SELECT count() FROM gpu_samples")
    assert coldplate("sql", sql).exception is not None
    assert before == owner.execute("SELECT count() FROM gpu_samples")


def test_the_prompt_answers_statements_and_goes_on_after_errors(
    coldplate, day, monkeypatch, tmp_path, capsys
):
    """Over several lines up to the semicolon; a statement that fails is told and the next one runs; the history is kept."""
    typed = iter(
        [
            "SELECT",
            "  'first' AS a;",
            "SELECT nope;",
            "\\d jobs",
            "\\r rack-now",
            "\\help",
            "SELECT 'last' AS b;",
            "\\q",
        ]
    )
    monkeypatch.setattr("builtins.input", lambda _: next(typed))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLDPLATE_STATE", str(tmp_path / "state"))
    monkeypatch.setattr("coldplate.console.commands.sql._text", _typed_only)
    cli.main(["sql", "--format", "csv"], standalone_mode=False)
    said = capsys.readouterr()
    assert [] == [
        w
        for w in ("first", "last", "rack-0001", "started", "\\l the cookbook")
        if w not in said.out
    ]
    assert "'nope'" in said.err
    assert (tmp_path / "coldplate-sql-history").exists()


def _typed_only(query, recipe):
    return recipes()[recipe].sql if recipe else query


def test_words_are_completed():
    """Tables, columns and the cookbook's names, whatever the case."""
    prompt = Prompt(
        lambda _: None, lambda _: True, ["gpu_samples", "gpu_c", "power_w"], Path("unused")
    )
    assert ["gpu_c", "gpu_samples", None] == [prompt.complete("GPU", n) for n in range(3)]
    assert "SELECT" == prompt.complete("sel", 0)


@pytest.mark.parametrize(
    ("kind", "subject"), [("gpu", GPU), ("rack", "rack-0001"), ("hall", "hall")]
)
def test_a_picture_is_drawn_with_its_incidents(coldplate, tmp_path, kind, subject):
    """Of the whole day, without a display."""
    out = tmp_path / f"{kind}.png"
    ran = coldplate("plot", kind, subject, "--out", out, "--json")
    assert ran.exception is None, ran.exception
    drawn = json.loads(ran.stdout)
    assert PNG == out.read_bytes()[:4]
    assert 1000 < drawn["points"]
    assert drawn["incidents"] or kind == "gpu"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["gpu", "rack-0000/node-0/gpu-9"], "near are"),
        (["rack", "rack-0001", "--from", "now", "--to", "-1h"], "not before"),
        (["rack", "rack-0001", "--from", "2020-01-01", "--to", "2020-01-02"], "retention"),
    ],
)
def test_a_picture_of_nothing_is_refused(coldplate, tmp_path, words, expected):
    """An unknown subject, times in the wrong order, a time of which nothing is kept."""
    ran = coldplate("plot", *words, "--out", tmp_path / "x.png")
    assert expected in str(ran.exception)
    assert "ends in .png" in str(
        coldplate("plot", "hall", "hall", "--out", tmp_path / "x.txt").exception
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_notebooks_code_runs(day, coldplate, tmp_path, monkeypatch):
    """Both ways of the page, as they stand there, and the file that pandas reads."""
    _, _, url, http = day
    reader = ClickHouseSettings.from_url(url)
    for name, value in {
        "COLDPLATE_CLICKHOUSE": url, "CLICKHOUSE_USER": reader.user, "CLICKHOUSE_PASSWORD": reader.password,
        "CLICKHOUSE_HTTP": http, "CLICKHOUSE_DATABASE": reader.database,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    by_driver, by_arrow = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    found = {}
    exec(by_driver, found)
    assert GPU in found["table"].columns
    found["client"].disconnect()
    exec(by_arrow, found)
    assert ["t", "power_w_mean", "gpu_c_mean"] == found["table"].column_names
    assert 1000 < found["table"].num_rows == len(found["table"].to_pandas())
    out = tmp_path / "jobs.parquet"
    coldplate("sql", "--run", "energy-of-jobs", "--format", "parquet", "--out", out)
    assert {"job", "kwh"} <= set(pd.read_parquet(out).columns)
