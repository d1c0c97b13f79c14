"""Two hundred procedures in one process that is killed: every one of them goes on from where it was."""

import json
import os
import subprocess
import sys

import pytest
from sinks.servers import database
from waiting import await_that

from coldplate.sinks.client import Client
from coldplate.sinks.inventory import store_inventory
from coldplate.sinks.migrate import migrate
from coldplate.wire.inventory import generate

pytestmark = pytest.mark.e2e
RACKS = [f"rack-{n:04d}" for n in range(200)]
CODE = (
    "import sys;from coldplate.console.commands.commission import commission as c;"
    "from coldplate.console.context import Context;c.main(sys.argv[1:],obj=Context())"
)
LIMITS = "[commission]\nlate_s = 0.0\nseconds = {{rope = 0.2, idle = {idle}}}\n"


@pytest.fixture
def site(clickhouse_url):
    """A history that knows 200 small racks and nothing of how they are."""
    with database(clickhouse_url) as settings, Client(settings) as client:
        migrate(client)
        store_inventory(client, generate(len(RACKS), 1, 1))
        url = f"clickhouse://{settings.user}:{settings.password}@{settings.host}:{settings.port}/{settings.database}"
        yield client, {**os.environ, "COLDPLATE_CLICKHOUSE": url}


def phases(keep, racks=RACKS):
    out = {}
    for rack in racks:
        path = keep / f"{rack}.progress.json"
        out[rack] = json.loads(path.read_text())["phases"] if path.exists() else {}
    return out


def all_have_a_rope(keep, left):
    """Of racks that are left those that have it are looked at no more: reading all each time would be the test's load."""
    while left and "rope" in phases(keep, left[-1:])[left[-1]]:
        left.pop()
    return not left


def test_all_go_on_after_a_kill(site, tmp_path):
    """Phases that were over are not made again, each rack gets its certificate, in its file and in history."""
    client, env = site
    limits, keep = tmp_path / "limits.toml", tmp_path / "keep"
    words = [*RACKS, "--steps", "rope,dew-point", "--yes", "--keep", str(keep), "--limits", str(limits), "--json"]  # fmt: skip
    limits.write_text(LIMITS.format(idle=3600.0))
    left = list(RACKS)
    with subprocess.Popen([sys.executable, "-c", CODE, *words], env=env, stdout=subprocess.DEVNULL) as process:  # fmt: skip
        try:
            await_that(lambda: all_have_a_rope(keep, left), 240, "all ropes")
        finally:
            process.kill()
    before = phases(keep)
    assert all({"rope"} == set(of) for of in before.values())
    limits.write_text(LIMITS.format(idle=0.2))
    ran = subprocess.run([sys.executable, "-c", CODE, *words], env=env, capture_output=True, text=True, timeout=240, check=False)  # fmt: skip
    told = json.loads(ran.stdout.splitlines()[-1])
    assert (1, [], RACKS) == (ran.returncode, told["failures"], [r["rack"] for r in told["racks"]])
    after = phases(keep)
    for rack in RACKS:
        assert before[rack]["rope"] == after[rack]["rope"]
        assert after[rack]["idle"]["begin_ms"] > before[rack]["rope"]["end_ms"]
    assert all(r["stored"] for r in told["racks"])
    assert [(len(RACKS),)] == client.execute("SELECT uniqExact(rack) FROM certificates")
    assert [("held", len(RACKS))] == client.execute("SELECT state, count() FROM rack_state GROUP BY state")  # fmt: skip
