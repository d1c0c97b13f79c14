"""`coldplate silence` and planned work on real servers: what is made, refused, listed and ended."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from console.site import site

from coldplate.wire.inventory import generate, save_csv

pytestmark = [pytest.mark.e2e, pytest.mark.filterwarnings("ignore:read_text:DeprecationWarning")]


@pytest.fixture(scope="module")
def hall(clickhouse_url, kafka_bootstrap):
    with site(clickhouse_url, kafka_bootstrap) as found:
        yield found


@pytest.fixture(autouse=True)
def nothing_yet(hall):
    hall.client.execute("TRUNCATE TABLE actions")


def ahead(hours):
    return (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_silence_is_made_listed_and_ended(hall):
    """Over Kafka and the sink; ended, it is listed only among all."""
    made = hall.told("silence", "add", "rack-0001", "--for", "2h", "--reason", "pump swap", "--who", "ada")["silence"]  # fmt: skip
    assert ("rack-0001", "holds", "ada", "pump swap") == (
        made["subject"], made["state"], made["who"], made["reason"],
    )  # fmt: skip
    begin, until = (datetime.fromisoformat(made[name]) for name in ("from", "until"))
    assert timedelta(hours=2) == until - begin
    assert [("silence", "ada", "pump swap")] == hall.stored(1)
    (listed,) = hall.told("silence", "list")["silences"]
    assert made == listed
    assert (made["id"], "rack-0001") == hall.client.execute("SELECT id, subject FROM silences_now")[
        0
    ]
    assert "rack-0001" in hall.ok("silence", "list")
    assert made["id"] == hall.told("silence", "end", made["id"][:4], "--who", "bo")["ended"]
    hall.stored(2)
    assert [] == hall.told("silence", "list")["silences"]
    assert "no silences\n" == hall.ok("silence", "list")
    (listed,) = hall.told("silence", "list", "--all")["silences"]
    assert ("ended", "bo") == (listed["state"], listed["ended_by"])
    assert (f"silence {made['id']} is ended by bo", 1) == hall.refused("silence", "end", made["id"])
    text = hall.ok("silence", "show", made["id"])
    assert [] == [w for w in ("pump swap", "ended by bo", "kept back: nothing") if w not in text]


def test_a_silence_that_recurs_waits_for_its_window(hall):
    """With labels and a kind; what it kept back is shown."""
    made = hall.told(
        "silence", "add", "--kind", "leak", "--label", "row=row-0", "--label", "severity=warning",
        "--cron", "0 3 1 1 *", "--for", "90m", "--zone", "Europe/Oslo", "--until", ahead(24 * 390), "--reason", "rope test",
    )["silence"]  # fmt: skip
    assert ("waits", 5400.0, {"row": "row-0", "severity": "warning"}) == (
        made["state"], made["for_s"], made["labels"],
    )  # fmt: skip
    hall.stored(1)
    held = {
        "t": [time.time_ns() // 1_000_000], "id": ["h1"], "who": ["alerter"], "verb": ["held"],
        "incident": ["aaaa1"], "silence_id": [made["id"]],
    }  # fmt: skip
    hall.client.insert("actions", held, None)
    assert ["aaaa1"] == hall.told("silence", "show", made["id"][:5])["held"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--for", "2h"], "everything"),
        (["rack-01", "--for", "2h"], "near are rack-0001"),
        (["rack-0001"], "say how long"),
        (["rack-0001", "--for", "2h", "--until", "2030-01-01"], "the same twice"),
        (["rack-0001", "--for", "soon"], "90s, 30m"),
        (["rack-0001", "--for", "0h"], "90s, 30m"),
        (["rack-0001", "--until", "2020-01-01"], "before it begins|past"),
        (["rack-0001", "--from", "-3h", "--for", "2h"], "past"),
        (["rack-0001", "--cron", "0 3 * * 1"], "how long each lasts|say how long"),
        (["rack-0001", "--cron", "0 3 *", "--for", "2h"], "five fields"),
        (["rack-0001", "--cron", "0 3 * * 1", "--for", "2h", "--zone", "Mars"], "time zone"),
        (["--kind", "pump-stopp", "--for", "2h"], "near are pump-stop"),
        (["--label", "rack", "--for", "2h"], "name=value"),
        (["--label", "rak=x", "--for", "2h"], "no label"),
        (["rack-0001", "--for", "800d"], "400 days"),
    ],
)
def test_nonsense_is_refused_with_what_was_meant(hall, words, said):
    """Nothing is sent; the exit code is that of wrong input."""
    found, code = hall.refused("silence", "add", *words, "--reason", "x")
    assert 2 == code
    assert any(part in found for part in said.split("|")), found


def test_the_inventory_of_the_configuration_is_asked_first(hall, tmp_path):
    """A rack that is only there may be silenced."""
    save_csv(generate(9), tmp_path / "hall.csv")
    words = ("silence", "add", "rack-0008", "--for", "5m", "--reason", "new")
    assert hall.run(*words).exception.exit_code == 2
    hall.ok(*words, COLDPLATE_INVENTORY=str(tmp_path / "hall.csv"))
    assert 1 == len(hall.stored(1))


def test_planned_work_keeps_alerts_back(hall):
    """The same begin again replaces its silence; ended early, the silence ends."""
    begin = ahead(-1)
    words = (
        "maintenance",
        "add",
        "rack-0000",
        "--from",
        begin,
        "--text",
        "filter change",
        "--who",
        "ada",
    )
    first = hall.told(*words, "--to", ahead(3))
    hall.stored(1)
    (made,) = hall.told("silence", "list")["silences"]
    assert (first["silence"], True, "holds", "filter change") == (
        made["id"], made["planned"], made["state"], made["reason"],
    )  # fmt: skip
    assert first["silence"] == hall.told(*words, "--to", ahead(5))["silence"]
    hall.stored(2)
    (again,) = hall.told("silence", "list")["silences"]
    assert made["until"] < again["until"]
    hall.ok(*words, "--to", "now")
    hall.stored(3)
    assert [] == hall.told("silence", "list")["silences"]
    assert 1 == len(hall.told("maintenance", "list", "--all")["maintenance"])


def test_planned_work_without_a_kafka_is_planned_still(hall, tmp_path):
    """And says that no alerts are kept back."""
    ran = hall.run(
        "maintenance", "add", "rack-0001", "--from", "now", "--to", ahead(1), "--json",
        COLDPLATE_KAFKA=None, COLDPLATE_STATE=str(tmp_path / "none"),
    )  # fmt: skip
    assert (0, True) == (ran.exit_code, '"silence": null' in ran.stdout)
    assert "no alerts are kept back" in ran.stderr
