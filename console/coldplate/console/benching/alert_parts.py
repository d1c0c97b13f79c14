"""What the benchmarks of alerts start: a Kafka, a worker, an alerter that tells a receiver on loopback."""

import base64
import os
import secrets
from pathlib import Path

from coldplate.console.benching.crew import Crew, clean_environment
from coldplate.console.chain import command, fresh
from coldplate.console.stack.cache import Cache
from coldplate.console.stack.part import Part
from coldplate.console.stack.servers import Endpoints, local_servers
from coldplate.console.stack.state import StateDir
from coldplate.wire.inventory import generate, save_csv

KAFKA, WORKER, ALERTER, TWIN = "kafka", "worker", "alerter", "twin"
NODES, GPUS = 8, 8
"""Of a rack, of a node."""

_ALERTS = """\
[[receivers]]
name = "bench"
kind = "standard-webhooks"
url = "{url}"
secret_files = ["key"]
allow_http = true
allow_private = true

[[routes]]
name = "all"
to = ["bench"]
"""


def alert_parts(state: StateDir, url: str, racks: int = 0) -> tuple[Endpoints, Crew]:
    """Endpoints, and the parts that may begin; nothing runs yet.

    Parameters
    ----------
    state
        Folder of the servers' data and everybody's logs.
    url
        Of the receiver.
    racks
        Of a twin whose frames a worker judges; 0 for neither.
    """
    servers, endpoints = local_servers(state, Cache.default(), clickhouse=False)
    alerts = _write_alerts(state.folder("alerts"), url)
    run = state.folder("run")
    env = {
        "COLDPLATE_KAFKA": endpoints.kafka, "COLDPLATE_CONFIG": os.devnull, "PYTHONUNBUFFERED": "1",
        "COLDPLATE_ALERTS__FILE": str(alerts), "COLDPLATE_ALERTS__STATE_DIR": str(state.folder("outbox")),
        "OPENBLAS_NUM_THREADS": "1",
    }  # fmt: skip
    words: dict[str, tuple[str, ...]] = {ALERTER: ("alerts", "run")}
    if racks:
        save_csv(generate(racks, NODES, GPUS), run / "inventory.csv")
        env["COLDPLATE_INVENTORY"] = str(run / "inventory.csv")
        words |= {WORKER: ("worker",), TWIN: ("twin", "run", "healthy", "--racks", str(racks))}
    ours = [
        Part(name, command(*w, "--stats", str(run / f"{name}.json")), env=env, health=fresh(run / f"{name}.json"))
        for name, w in words.items()
    ]  # fmt: skip
    return endpoints, Crew(state, (*servers, *ours), clean_environment())


def _write_alerts(folder: Path, url: str) -> Path:
    key = folder / "key"
    key.touch(mode=0o600)
    key.write_text(f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}\n", "utf-8")
    file = folder / "alerts.toml"
    file.write_text(_ALERTS.format(url=url), "utf-8")
    return file
