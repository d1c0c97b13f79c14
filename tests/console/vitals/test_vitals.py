"""What worker, sink and alerter tell of themselves, read by Prometheus' own parser over real sockets."""

import json
import os
import socket
import ssl
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
import trustme
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text

from coldplate.console.alerting import of_receivers, rejected
from coldplate.console.checkup_part import _itself
from coldplate.console.context import Context
from coldplate.console.running import read_stats
from coldplate.console.vitals import part as module
from coldplate.console.vitals.options import Local
from coldplate.console.vitals.page import STILL_S
from coldplate.console.vitals.part import Vitals
from coldplate.console.vitals.told import PARTS
from coldplate.sinks.stats import Stats
from coldplate.streams.cluster.service import ClusterDetector
from coldplate.streams.pipeline import Pipeline
from coldplate.streams.settings import WorkerSettings
from coldplate.streams.worker import stats as worker_stats
from coldplate.wire.topic import Topics


def free_port():
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return probe.getsockname()[1]


@pytest.fixture
def made():
    opened = []

    def make(part, stats=None):
        opened.append(Vitals(part, Local(port=free_port()), stats))
        return opened[-1]

    yield make
    for vitals in opened:
        vitals.close()


def get(vitals, path, accept="text/plain"):
    request = urllib.request.Request(
        f"http://127.0.0.1:{vitals.server.port}{path}", headers={"Accept": accept}
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def counts_of(part):
    """As the part itself counts, after some work."""
    if part == "worker":
        pipeline = Pipeline("c")
        pipeline.rejected["bad-crc"] += 2
        pipeline.delays.add(0.4, 3)
        return {**worker_stats(pipeline), "partitions": 4, "behind_records": 7}
    if part == "cluster-detector":
        detector = ClusterDetector(WorkerSettings("", "c", Topics(), Path()), None)
        detector.rejected["bad-crc"] += 2
        detector.delays.add(0.4, 3)
        return detector.stats()
    if part == "sink":
        stats = Stats(frames=5, partitions=2)
        stats.rows["gpu_samples"] += 40
        stats.rejected["bad-crc"] += 2
        stats.delay.add(0.4, 3)
        return stats.as_dict()
    lanes = {
        "ops": {
            "pending": 1,
            "dead": 2,
            "counts": {"taken": 3, "failed 500": 4, "failed reset": 1},
        },
        "gone": {"pending": 0, "dead": 1},
    }
    counts = {
        "incidents": 3,
        "actions": 0,
        "turns": 9,
        "beats": 1,
        "beats_missed": 0,
        "rejected_bad-crc": 2,
    }
    return {**counts, **of_receivers(lanes), "rejected": rejected(counts)}


@pytest.mark.parametrize("part", PARTS)
def test_every_count_that_is_told_is_one_that_the_part_counts(part):
    """A key that no part writes would be a metric that never comes."""
    assert set() == {t.key for t in PARTS[part]} - counts_of(part).keys()


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    ("parser", "accept"), [(text, "text/plain"), (openmetrics, "application/openmetrics-text")]
)
def test_the_page_is_read_by_prometheus_own_parser(made, part, parser, accept):
    """Both forms, drops with their reason."""
    vitals = made(part)
    vitals.take(counts_of(part))
    status, page = get(vitals, "/metrics", accept)
    assert 200 == status
    samples = {
        (s.name, *sorted(s.labels.items())): s.value for f in parser(page) for s in f.samples
    }
    prefix = f"coldplate_{part.replace('-', '_')}"
    assert 2 == samples[f"{prefix}_rejected_total", ("reason", "bad-crc")]
    if part != "alerter":
        what = {"worker": "frame", "sink": "record", "cluster-detector": "finding"}[part]
        name = f"{prefix}_{what}_delay_seconds"
        assert (0, 3, 3, 3) == (
            samples[f"{name}_bucket", ("le", "0.25")], samples[f"{name}_bucket", ("le", "0.5")],
            samples[f"{name}_bucket", ("le", "+Inf")], samples[f"{name}_count",],
        )  # fmt: skip


def test_receivers_are_told_one_by_one(made):
    """What waits, failed and was given up, of those too that have no lane any more."""
    vitals = made("alerter")
    vitals.take(counts_of("alerter"))
    samples = {
        (s.name, s.labels.get("receiver")): s.value
        for f in text(get(vitals, "/metrics")[1])
        for s in f.samples
    }
    assert (1, 5, 2, 1) == (
        samples["coldplate_alerter_waiting_messages", "ops"], samples["coldplate_alerter_failed_total", "ops"],
        samples["coldplate_alerter_dead_messages", "ops"], samples["coldplate_alerter_dead_messages", "gone"],
    )  # fmt: skip


def test_a_part_is_ready_once_it_has_begun_and_waits_for_nobody(made):
    """Well from the start, ready with the first counts, and not while a server is away."""
    vitals = made("sink")
    assert 200 == get(vitals, "/healthz")[0]
    assert 503 == get(vitals, "/readyz")[0]
    vitals.take(counts_of("sink"))
    assert 200 == get(vitals, "/readyz")[0]
    vitals.take({**counts_of("sink"), "waiting_for": "clickhouse"})
    status, body = get(vitals, "/readyz")
    assert (503, "clickhouse") == (status, json.loads(body)["waiting_for"])
    assert (200, "clickhouse") == (
        get(vitals, "/healthz")[0],
        json.loads(get(vitals, "/healthz")[1])["waiting_for"],
    )


def test_a_part_that_stands_still_is_unwell(made, monkeypatch):
    """Its counts grow old: whoever watches starts it anew."""
    vitals = made("worker")
    vitals.take(counts_of("worker"))
    later = module.time.monotonic() + STILL_S + 1
    monkeypatch.setattr(module.time, "monotonic", lambda: later)
    status, body = get(vitals, "/healthz")
    assert (503, False) == (status, json.loads(body)["ok"])
    assert "stands still" in json.loads(body)["problems"][0]
    assert 503 == get(vitals, "/readyz")[0]


def test_counts_go_into_the_file_too(tmp_path):
    """With the time at which they were taken; without a port nothing listens."""
    vitals = Vitals("worker", Local(), str(tmp_path / "w.json"))
    vitals.take({"frames": 3})
    assert 3 == read_stats(tmp_path / "w.json")["frames"]
    assert vitals.server is None


def test_a_port_that_is_taken_is_said_and_the_part_works_on(caplog):
    """No reason not to store what comes."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        vitals = Vitals("sink", Local(port=taken.getsockname()[1]))
    assert vitals.server is None
    assert "cannot be had" in caplog.text


def test_names_are_unique_and_end_in_their_unit():
    """Counters in `_total`, no name twice over all parts."""
    every = [t for told in PARTS.values() for t in told]
    assert len(every) == len({t.name for t in every})
    assert [] == [t.name for t in every if (t.kind == "counter") != t.name.endswith("_total")]


def test_a_wrong_port_is_refused():
    """With what would be right."""
    with pytest.raises(msgspec.ValidationError, match="65535"):
        msgspec.convert({"port": 70_000}, Local)


def test_a_part_with_a_certificate_speaks_tls_alone(tmp_path):
    """Its file is read, and whoever asks without TLS hears nothing."""
    ca = trustme.CA()
    made = ca.issue_cert("127.0.0.1")
    made.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "both.pem"))
    context = ssl.create_default_context()
    ca.configure_trust(context)
    with Vitals("alerter", Local(port=free_port(), cert_file=str(tmp_path / "both.pem"))) as vitals:
        url = f"127.0.0.1:{vitals.server.port}/metrics"
        with urllib.request.urlopen(f"https://{url}", timeout=5, context=context) as answer:
            assert b"coldplate_part_info" in answer.read()
        with pytest.raises(OSError, match=r"(?i)closed|reset"):
            urllib.request.urlopen(f"http://{url}", timeout=5)


def test_reloads_are_told_by_what_became_of_them():
    """Of a part that has had none, too: else the first one would be no increase."""
    with Vitals("sink", Local(port=free_port()), reloads={"taken": 0, "refused": 2}) as vitals:
        found = {
            s.labels["outcome"]: s.value
            for f in text(get(vitals, "/metrics")[1])
            for s in f.samples
            if s.name == "coldplate_part_reloads_total"
        }
    assert {"taken": 0, "refused": 2} == found


def test_doctor_asks_a_part_as_the_part_speaks(tmp_path, monkeypatch):
    """Over TLS where it has a certificate, whatever name that is for: it is this machine that is asked."""
    made = trustme.CA().issue_cert("metrics.example.org")
    made.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "both.pem"))
    local = Local(port=free_port(), cert_file=str(tmp_path / "both.pem"))
    monkeypatch.setenv("COLDPLATE_SINK__LOCAL__PORT", str(local.port))
    monkeypatch.setenv("COLDPLATE_SINK__LOCAL__CERT_FILE", local.cert_file)
    with Vitals("sink", local) as vitals:
        vitals.take(counts_of("sink"))
        (found,) = _itself(Context(os.devnull), "sink")
    assert (True, f"ready, port {local.port}") == (found.ok, found.found)
