"""Worker, sink, alerter and web page on the real servers: SIGHUP with a broken file, then with a good one."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import closing
from uuid import uuid4

import pytest
from sinks.servers import database
from waiting import await_that

KEY = "whsec_bm8gc2VjcmV0IGZvciBhbnlib2R5LCBhIHRlc3Qncw==\n"
ALERTS = """\
[[receivers]]
name = "duty"
kind = "standard-webhooks"
url = "https://duty.example.org/in"
secret_files = ["key"]

[[routes]]
name = "night"
to = ["duty"]
"""
PARTS = {
    "worker": (
        ("worker",), "limits.toml", "[margin]\nwanted_c = 6\n",
        "[margin]\nwanted_c = 'much'\n", r"limits\.toml line 2: margin, wanted_c",
    ),
    "sink": (("sink",), "sink.toml", "", "[sink]\nflush_s = 'soon'\n", r"Expected `float`.*sink.flush_s"),
    "alerter": (
        ("alerts", "run", "alerts.toml"), "alerts.toml", ALERTS,
        ALERTS.replace('to = ["duty"]', 'to = ["dutty"]'), r"alerts\.toml:9: .*dutty",
    ),
    "web": (("web",), "web.toml", "", "[web]\nhosts = ['a/b']\n", r"web\.hosts: 'a/b' is no name"),
}  # fmt: skip
"""By part: command, the file that changes, what stands in it, a broken one, and what is said of that."""


def free_port():
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return probe.getsockname()[1]


def page(port, path):
    """Status and text; None while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return None


def reloads(port):
    """By outcome."""
    answer = page(port, "/metrics")
    found = re.findall(r'^coldplate_(?:part|web)_reloads_total\{outcome="(\w+)"\} (\d+)$', answer[1] if answer else "", re.MULTILINE)  # fmt: skip
    return {outcome: int(count) for outcome, count in found}


@pytest.fixture
def environ(run, kafka_bootstrap, clickhouse_url):
    """Topics and a schema of a test's own."""
    with database(clickhouse_url) as settings:
        out = {
            "COLDPLATE_KAFKA": kafka_bootstrap, "COLDPLATE_TOPIC_PREFIX": f"t{uuid4().hex[:8]}",
            "COLDPLATE_CLICKHOUSE": clickhouse_url.rpartition("/")[0] + f"/{settings.database}",
        }  # fmt: skip
        assert 0 == run("topics", "create", "--partitions", 2, **out).returncode
        assert 0 == run("migrate", **out).returncode
        yield out


@pytest.mark.e2e
@pytest.mark.parametrize("part", PARTS)
def test_a_part_refuses_a_broken_file_and_takes_a_good_one(part, environ, tmp_path):
    """With file and line, while it works on; then as the same process. Both are counted on its page."""
    words, name, text, broken, said = PARTS[part]
    (tmp_path / "key").touch(0o600)
    (tmp_path / "key").write_text(KEY)
    file, log, port = tmp_path / name, tmp_path / "log", free_port()
    file.write_text(text)
    env = {k: v for k, v in os.environ.items() if not k.startswith("COLDPLATE_")} | environ | {
        "COLDPLATE_STATE": str(tmp_path / "state"), "COLDPLATE_WORKER__PARAMETERS": str(tmp_path / "limits.toml"),
        **{f"COLDPLATE_{p}__LOCAL__PORT": str(port) for p in ("WORKER", "SINK", "ALERTS")}, "COLDPLATE_WEB__PORT": str(port),
        "COLDPLATE_CONFIG": str(file) if part in {"sink", "web"} else os.devnull,
    }  # fmt: skip
    command = (sys.executable, "-m", "coldplate.console", *words)
    with log.open("w") as out, subprocess.Popen(command, env=env, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=out, stderr=out) as child:  # fmt: skip
        try:
            works = "/healthz" if part == "web" else "/readyz"
            await_that(lambda: (page(port, works) or (0,))[0] == 200, 60, f"{part} to work")
            file.write_text(broken)
            child.send_signal(signal.SIGHUP)
            await_that(lambda: reloads(port).get("refused"), 30, "a refusal")
            assert re.search(said, log.read_text()), log.read_text()
            assert 200 == page(port, works)[0]
            file.write_text(f"{text}\n# another\n")
            child.send_signal(signal.SIGHUP)
            await_that(lambda: reloads(port) == {"taken": 1, "refused": 1}, 60, "it to be taken")
            await_that(lambda: (page(port, works) or (0,))[0] == 200, 60, f"{part} to work again")
            child.send_signal(signal.SIGTERM)
            assert 0 == child.wait(30)
            assert "Traceback" not in log.read_text()
        finally:
            child.kill()
            print(log.read_text())
