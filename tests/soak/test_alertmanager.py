"""A real Alertmanager takes what we tell it, and our imitation of its webhooks has the form of its own."""

import json
import subprocess
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_server
from threading import Thread

import pytest
from sinks.webhooks.told import CLUSTER, LINKS, ended, message, pump_stop, told
from waiting import await_that

from coldplate.console.benching.go_tool import GoTool
from coldplate.console.stack.cache import Cache
from coldplate.sinks.webhooks.config import (
    AlertmanagerApi,
    AlertmanagerWebhook,
    Alerts,
    Heartbeat,
    Route,
)
from coldplate.sinks.webhooks.formats.making import format_of
from coldplate.sinks.webhooks.message import Phase
from coldplate.wire.incident import Severity

pytestmark = [pytest.mark.e2e, pytest.mark.peers]

ALERTMANAGER = GoTool("github.com/prometheus/alertmanager/cmd/alertmanager", "v0.28.1")
WITHIN_S = 20.0
CONFIG = """
route:
  receiver: all
  group_by: [row, alertname]
  group_wait: 1s
  group_interval: 500ms
  repeat_interval: 1h
  routes:
    - receiver: critical
      matchers: [severity="critical"]
      group_wait: 10ms
receivers:
  - name: all
    webhook_configs: [{{url: "{url}/all", send_resolved: true}}]
  - name: critical
    webhook_configs: [{{url: "{url}/critical", send_resolved: true}}]
"""


class Hooks:
    """Takes webhooks, and keeps what came."""

    def __init__(self):
        self.came = []
        hooks = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hooks.came.append(json.loads(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def await_call(self, what, where):
        """The first call for which `where` holds."""
        return await_that(lambda: next((c for c in self.came if where(c)), None), WITHIN_S, what)


@pytest.fixture
def hooks():
    made = Hooks()
    yield made
    made.close()


@pytest.fixture
def alertmanager(tmp_path, hooks):
    """An Alertmanager of its own; gives its address."""
    program = ALERTMANAGER.made(Cache.default())
    if program is None:
        pytest.skip("no go to make an Alertmanager with")
    config = tmp_path / "alertmanager.yml"
    config.write_text(CONFIG.format(url=hooks.url))
    with create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    argv = (
        program, f"--config.file={config}", f"--storage.path={tmp_path}/data", "--cluster.listen-address=",
        f"--web.listen-address={address}", "--log.level=error",
    )  # fmt: skip
    log = (tmp_path / "log").open("wb")
    with log, subprocess.Popen(argv, stdout=log, stderr=log) as process:
        try:
            await_that(lambda: ready(address), WITHIN_S, "the Alertmanager")
            yield f"http://{address}"
        finally:
            process.terminate()


def ready(address):
    try:
        with urllib.request.urlopen(f"http://{address}/-/ready", timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False


def tell(url, *told_, refresh_s=60.0, **changed):
    """A message by our format, as a transport would send it."""
    receiver = AlertmanagerApi(
        name="am", url=url, allow_http=True, allow_private=True, refresh_s=refresh_s
    )
    alerts = Alerts(heartbeat=Heartbeat(every_s=refresh_s), links=LINKS)
    call = format_of(receiver, Path(), alerts).call(message(*told_, **changed), time.time())
    request = urllib.request.Request(call.url, call.body, dict(call.headers), method=call.method)
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert 200 == answer.status


def racks(call):
    return sorted(alert["labels"]["rack"] for alert in call["alerts"])


def warning(rack, **changed):
    return told(pump_stop(rack, severity=Severity.WARNING, **changed))


def test_it_groups_what_we_tell_it_in_two_calls(alertmanager, hooks):
    """Two incidents of a row are one of its calls, that of another row a second one, in our words."""
    # It waits for more only of what has just begun.
    opened_ms = round(time.time() * 1000)
    for rack in ("rack-0003", "rack-0004", "rack-0021"):
        tell(alertmanager, warning(rack, opened_ms=opened_ms))
    both = hooks.await_call("the row's call", lambda c: c["groupLabels"]["row"] == "row-0")
    assert ["rack-0003", "rack-0004"] == racks(both)
    other = hooks.await_call("the other row's", lambda c: c["groupLabels"]["row"] == "row-1")
    assert ["rack-0021"] == racks(other)
    ours = warning("rack-0021").text
    assert ours.title == other["commonAnnotations"]["summary"]
    assert ours.runbook_url == other["commonAnnotations"]["runbook_url"]
    assert ("pump-stop", "pump", CLUSTER) == tuple(
        other["commonLabels"][name] for name in ("alertname", "family", "cluster")
    )


def test_it_resolves_what_we_close(alertmanager, hooks):
    """The end that we tell is the end that its receivers are told, long before it would have ended by itself."""
    incident = pump_stop(severity=Severity.WARNING)
    tell(alertmanager, told(incident))
    hooks.await_call("the opening", lambda c: c["status"] == "firing")
    tell(alertmanager, told(ended(incident), Phase.CLOSED))
    over = hooks.await_call("the end", lambda c: c["status"] == "resolved")
    assert ["2026-09-21T14:14:22Z"] == [a["endsAt"].replace(".000", "") for a in over["alerts"]]


def test_what_becomes_critical_is_told_by_its_route_for_critical(alertmanager, hooks):
    """Labels are those of the moment: what was told under the old ones ends by itself, and is not critical."""
    tell(alertmanager, warning("rack-0003"), refresh_s=0.6)
    hooks.await_call("the warning", lambda c: c["receiver"] == "all")
    tell(alertmanager, told(pump_stop(step=1), Phase.UPDATED))
    paged = hooks.await_call("the page", lambda c: c["receiver"] == "critical")
    assert ["firing"] == [alert["status"] for alert in paged["alerts"]]
    old = hooks.await_call("the warning's end", lambda c: c["status"] == "resolved")
    assert ("all", "warning") == (old["receiver"], old["commonLabels"]["severity"])
    assert old["commonLabels"]["incident"] == paged["commonLabels"]["incident"] == pump_stop().id


def test_refreshing_keeps_an_alert_open(alertmanager, hooks):
    """An open incident that is told again outlives the end of its first telling, and is one alert with one start."""
    for rack in ("rack-0003", "rack-0021"):
        tell(alertmanager, warning(rack), refresh_s=0.3)
    tell(alertmanager, told(pump_stop(severity=Severity.WARNING), Phase.REFRESH), refresh_s=60.0)
    over = hooks.await_call("the other's end", lambda c: c["status"] == "resolved")
    assert ["rack-0021"] == racks(over)
    with urllib.request.urlopen(f"{alertmanager}/api/v2/alerts?active=true", timeout=5) as answer:
        (alert,) = json.load(answer)
    assert ("rack-0003", "2026-09-21T14:13:22.000Z") == (alert["labels"]["rack"], alert["startsAt"])


def test_a_heartbeat_fires_and_ends_when_it_stays_away(alertmanager, hooks):
    """Whoever watches the alert that fires always is told when it does not."""
    tell(alertmanager, refresh_s=0.4)
    beat = hooks.await_call("the heartbeat", lambda c: c["status"] == "firing")
    assert "coldplate-heartbeat" == beat["commonLabels"]["alertname"]
    hooks.await_call("its end", lambda c: c["status"] == "resolved")


def test_a_test_is_named_as_one(alertmanager, hooks):
    """Nobody takes a try for an incident."""
    tell(alertmanager, told(pump_stop(severity=Severity.WARNING), Phase.TEST))
    call = hooks.await_call("the test", lambda c: c["status"] == "firing")
    assert "coldplate-test" == call["commonLabels"]["alertname"]
    assert call["commonAnnotations"]["summary"].startswith("TEST")


@pytest.mark.parametrize("phase", [Phase.OPENED, Phase.CLOSED])
def test_our_webhook_has_the_form_of_its_own(alertmanager, hooks, phase):
    """A receiver that was written for an Alertmanager finds every key that it knows, with a value of the same sort."""
    incident = pump_stop(severity=Severity.WARNING)
    tell(alertmanager, told(incident))
    real = hooks.await_call("the opening", lambda c: c["status"] == "firing")
    if phase is Phase.CLOSED:
        incident = ended(incident)
        tell(alertmanager, told(incident, phase))
        real = hooks.await_call("the end", lambda c: c["status"] == "resolved")
    alerts = Alerts(
        routes=(Route(name="the-rest", to=("am",), group_by=("row", "kind")),), links=LINKS
    )
    receiver = AlertmanagerWebhook(name="am", url="https://bridge.example.org")
    call = format_of(receiver, Path(), alerts).call(message(told(incident, phase)), time.time())
    ours = json.loads(call.body)
    assert form(real) == form(ours)
    assert form(real["alerts"][0]) == form(ours["alerts"][0])
    assert (real["status"], real["version"]) == (ours["status"], ours["version"])
    (theirs,), (alert,) = real["alerts"], ours["alerts"]
    assert theirs["labels"] == alert["labels"]
    assert theirs["annotations"] == alert["annotations"]
    assert theirs["startsAt"].replace(".000", "") == alert["startsAt"].replace(".000", "")
    assert theirs["endsAt"].replace(".000", "") == alert["endsAt"].replace(".000", "")
    assert len(theirs["fingerprint"]) == len(alert["fingerprint"])


def form(value):
    """Keys with the types of their values."""
    return {key: type(item).__name__ for key, item in value.items()}
