"""Pushing to a stand-in of Grafana: what is written, what is left, and what somebody made stays his."""

import pytest
from dashboards.grafanas import (
    CLICKHOUSE_PASSWORD,
    FIRST,
    MODELS,
    NAMES,
    SOURCE,
    UIDS,
    Site,
)
from dashboards.stand_in import AT, EDITOR_TOKEN, VIEWER_TOKEN, Fault, StandIn

from coldplate.dashboards.drift import State, fingerprint
from coldplate.dashboards.pushing import look
from coldplate.dashboards.source import Source

FOLDER, DATA = "folder coldplate", "data source coldplate"
SAVE = "POST /dashboards/db"


@pytest.fixture
def site():
    with StandIn() as stand_in:
        yield Site(stand_in)


@pytest.fixture
def pushed(site):
    assert [] == site.push().failed
    site.writes.clear()
    return site


def test_everything_is_made(site):
    """Folder, data source and each dashboard, once, in our folder and showing our data source."""
    done = site.push()
    assert ([FOLDER, DATA, *NAMES], [], [], []) == (done.created, done.updated, done.unchanged, done.failed)  # fmt: skip
    assert ["POST /folders", "POST /datasources", *[SAVE] * len(UIDS)] == site.writes
    boards = site.stand_in.boards
    assert {"coldplate"} == {b["folder"] for b in boards.values()}
    assert f"coldplate 1.0 ({fingerprint(boards[FIRST]['model'])})" == boards[FIRST]["versions"][0]["message"]  # fmt: skip
    shown = next(v for v in boards[FIRST]["model"]["templating"]["list"] if v["name"] == "source")
    assert {"text": "coldplate", "value": "coldplate"} == shown["current"]


def test_the_data_source_is_native_and_its_password_is_secret(site):
    """The password stands in secureJsonData alone."""
    site.push()
    there = site.stand_in.sources["coldplate"]
    assert {
        "host": "clickhouse", "port": 9000, "protocol": "native", "secure": False, "username": "reader",
        "defaultDatabase": "coldplate",
    } == there["jsonData"]  # fmt: skip
    assert ("grafana-clickhouse-datasource", {"password": CLICKHOUSE_PASSWORD}) == (there["type"], there["secrets"])  # fmt: skip


def test_a_second_push_writes_nothing(pushed):
    """No new version is made, whoever pushes and with which coldplate."""
    done = pushed.push(version="2.0")
    assert ([], [], [FOLDER, DATA, *NAMES], []) == (done.created, done.updated, done.unchanged, done.failed)  # fmt: skip
    assert [] == pushed.writes
    assert {1} == {len(b["versions"]) for b in pushed.stand_in.boards.values()}


def test_a_push_without_a_data_source_keeps_the_one_that_is_shown(pushed):
    """Who pushes again need not say it again."""
    assert [] == pushed.push(source=None).failed
    assert [] == pushed.writes


def test_what_became_different_is_written_as_a_new_version(pushed):
    """The one dashboard alone; its versions are kept."""
    models = [{**MODELS[0], "title": "Another title"}, *MODELS[1:]]
    done = pushed.push(models=models, version="2.0")
    assert ([NAMES[0]], [SAVE]) == (done.updated, pushed.writes)
    assert [1, 2] == [v["version"] for v in pushed.stand_in.boards[FIRST]["versions"]]


@pytest.mark.parametrize("as_list", [True, False])
def test_what_somebody_changed_is_not_overwritten(as_list):
    """It says who and when and what to do; the others are pushed; with --overwrite it is replaced, as one version more."""
    with StandIn(versions_as_list=as_list) as stand_in:
        site = Site(stand_in)
        site.push()
        stand_in.edit(FIRST, "bo", title="Mine")
        models = [{**m, "description": "new"} for m in MODELS]
        done = site.push(models=models)
        (failed,) = done.failed
        assert NAMES[0] == failed.what
        assert f"bo changed it at {AT} (version 2)" in failed.why
        assert "--overwrite" in failed.why
        assert NAMES[1:] == done.updated
        assert "Mine" == stand_in.boards[FIRST]["model"]["title"]
        assert NAMES[:1] == site.push(models=models, overwrite=True).updated
        assert [1, 2, 3] == [v["version"] for v in stand_in.boards[FIRST]["versions"]]
        assert MODELS[0]["title"] == stand_in.boards[FIRST]["model"]["title"]


def test_somebodys_save_of_the_same_is_no_change(pushed):
    """A version of somebody's that says what ours says is left."""
    pushed.stand_in.edit(FIRST, "bo")
    assert [] == pushed.push().failed
    assert [] == pushed.writes


def test_a_dashboard_as_ours_was_written_is_ours_whatever_grafana_makes_of_it(pushed):
    """A later Grafana moves the schema on when it reads; that is nobody's change."""
    pushed.stand_in.boards[FIRST]["model"]["schemaVersion"] = 42
    assert [] == pushed.push().failed
    assert [] == pushed.writes


def test_a_change_while_we_look_is_not_overwritten(pushed):
    """Grafana refuses the version that is no longer the newest, and it is said whose that is."""
    stand_in = pushed.stand_in

    def race(name):
        if name == SAVE and stand_in.boards[FIRST]["versions"][-1]["version"] == 1:
            stand_in.edit(FIRST, "eve", title="Just now")

    stand_in.before = race
    why = pushed.failed(models=[{**MODELS[0], "description": "new"}])[NAMES[0]]
    assert "HTTP 412: The dashboard has been changed by someone else; eve changed it at" in why
    assert "Just now" == stand_in.boards[FIRST]["model"]["title"]


@pytest.mark.parametrize("start", ["POST /folders", "POST /datasources", SAVE])
def test_a_lost_answer_makes_nothing_twice(site, start):
    """The second attempt finds what the first has made."""
    site.stand_in.faults.append(Fault(start, 502, done=True))
    assert [] == site.push().failed
    assert {1} == {len(b["versions"]) for b in site.stand_in.boards.values()}
    assert [0.5] == site.waits_s


def test_a_dashboard_of_our_uid_in_another_folder_is_left(site):
    """Even with --overwrite: somebody put it there."""
    site.stand_in.folders["theirs"] = "Theirs"
    site.stand_in.add_board(FIRST, "theirs", {"title": "Theirs", "panels": []})
    done = site.push(overwrite=True)
    assert [NAMES[0]] == [f.what for f in done.failed]
    assert "in the folder 'theirs', not in 'coldplate'" in done.failed[0].why
    assert "Theirs" == site.stand_in.boards[FIRST]["model"]["title"]


def test_others_of_the_folder_are_left(pushed):
    """A dashboard that somebody made in our folder is neither read nor written."""
    pushed.stand_in.add_board("theirs", "coldplate", {"title": "Theirs", "panels": []})
    pushed.stand_in.requests.clear()
    pushed.push()
    assert not any("theirs" in name for name, _, _ in pushed.stand_in.requests)


def test_a_title_that_another_dashboard_has_is_named(site):
    """Grafana's words, and whose dashboard it is not."""
    site.stand_in.folders["coldplate"] = "coldplate"
    site.stand_in.add_board("theirs", "coldplate", {"title": MODELS[0]["title"], "panels": []})
    why = site.failed()[NAMES[0]]
    assert f"write dashboard {FIRST}: HTTP 412: A dashboard with the same name in the folder already exists" in why  # fmt: skip


def test_a_provisioned_dashboard_is_left(pushed):
    """A file would win again."""
    pushed.stand_in.boards[FIRST]["provisioned"] = True
    assert "provisioned from a file" in pushed.failed(overwrite=True)[NAMES[0]]


def test_a_folder_of_our_title_stops_all(site):
    """Somebody's folder is not taken; nothing else is tried."""
    site.stand_in.folders["x"] = "coldplate"
    failed = site.failed()
    assert "name ours otherwise with --folder" in failed[FOLDER]
    assert {"not tried, after what came before"} == {failed[n] for n in NAMES}
    assert {} == site.failed(folder="ours")


def test_a_renamed_folder_keeps_its_name(pushed):
    """Its uid is what counts."""
    pushed.stand_in.folders["coldplate"] = "Cooling"
    assert [] == pushed.push().failed
    assert "Cooling" == pushed.stand_in.folders["coldplate"]


def test_a_data_source_that_differs_is_updated_and_keeps_what_others_set(pushed):
    """By its uid; it stays the default if it was."""
    there = pushed.stand_in.sources["coldplate"]
    there["isDefault"], there["jsonData"]["queryTimeout"] = True, "30"
    moved = Source("coldplate", "elsewhere", 9440, "coldplate", "reader", CLICKHOUSE_PASSWORD, secure=True)  # fmt: skip
    assert [DATA] == pushed.push(source=moved).updated
    assert ["PUT /datasources/uid/coldplate"] == pushed.writes
    now = pushed.stand_in.sources["coldplate"]
    assert ("elsewhere", "30", True) == (now["jsonData"]["host"], now["jsonData"]["queryTimeout"], now["isDefault"])  # fmt: skip


def test_a_new_password_is_written_when_it_is_said(pushed):
    """Nobody can read the old one, so it must be."""
    new = Source("coldplate", "clickhouse", 9000, "coldplate", "reader", "new")
    assert [] == pushed.push(source=new).updated
    assert [DATA] == pushed.push(source=new, new_password=True).updated
    assert {"password": "new"} == pushed.stand_in.sources["coldplate"]["secrets"]


def test_a_data_source_without_a_password_gets_it(pushed):
    """Grafana tells which secrets it has, not what they are."""
    pushed.stand_in.sources["coldplate"]["secrets"] = {}
    assert [DATA] == pushed.push().updated
    assert {"password": CLICKHOUSE_PASSWORD} == pushed.stand_in.sources["coldplate"]["secrets"]


def test_a_data_source_that_somebody_updates_meanwhile_is_said(pushed):
    """Grafana's 409, with what was to be done."""
    pushed.stand_in.faults.append(Fault("PUT", 409, b'{"message":"Datasource has already been updated by someone else"}'))  # fmt: skip
    failed = pushed.failed(new_password=True)
    assert "update data source coldplate: HTTP 409: Datasource has already been updated" in failed[DATA]  # fmt: skip


def somebodys(stand_in, uid, **more):
    stand_in.sources[uid] = {
        "uid": uid, "name": "coldplate", "type": "grafana-clickhouse-datasource", "jsonData": {}, "secrets": {},
        "readOnly": False, "version": 3, "isDefault": False, "access": "proxy", **more,
    }  # fmt: skip


def test_a_data_source_of_our_name_is_left(site):
    """It says how to use it, and that works."""
    somebodys(site.stand_in, "theirs")
    assert "use it with --datasource-uid" in site.failed()[DATA]
    assert {} == site.failed(source=None, source_uid="theirs")
    assert 3 == site.stand_in.sources["theirs"]["version"]
    shown = site.stand_in.boards[FIRST]["model"]["templating"]["list"][0]
    assert {"text": "coldplate", "value": "theirs"} == shown["current"]


@pytest.mark.parametrize(
    ("more", "said"),
    [({"type": "prometheus"}, "is a prometheus"), ({"readOnly": True}, "it is provisioned from a file")],
)  # fmt: skip
def test_a_data_source_of_our_uid_that_cannot_be_ours_is_left(site, more, said):
    """One of another kind, or of a file."""
    somebodys(site.stand_in, "coldplate", **more)
    assert said in site.failed()[DATA]


def test_a_data_source_that_is_not_there_is_said(site):
    """Nothing is pushed that would show nothing."""
    assert "there is no data source of this uid" in site.failed(source=None, source_uid="x")["data source x"]  # fmt: skip
    assert {} == site.stand_in.boards


def test_a_token_that_may_too_little_is_told_what_is_missing(site):
    """An editor cannot make data sources, a viewer nothing; Grafana's words and the role."""
    assert "HTTP 403: You'll need additional permissions" in site.failed(VIEWER_TOKEN)[FOLDER]
    assert "data sources Admin" in site.failed(EDITOR_TOKEN)[DATA]
    assert {} == site.failed(EDITOR_TOKEN, source=None)


def test_an_editor_pushes_for_a_data_source_that_he_may_not_see(site):
    """He has to know its uid."""
    assert {} == site.failed(EDITOR_TOKEN, source=None, source_uid="theirs")
    shown = site.stand_in.boards[FIRST]["model"]["templating"]["list"][0]
    assert "theirs" == shown["current"]["value"]


def test_versions_that_are_not_told_leave_the_comparison_of_what_is_there(pushed):
    """The same is the same; anything else is taken for somebody's."""
    pushed.stand_in.faults.append(Fault(f"GET /dashboards/uid/{FIRST}/versions", 403, times=2))
    assert [] == pushed.push().failed
    why = pushed.failed(models=[{**MODELS[0], "title": "x"}])[NAMES[0]]
    assert "sa-1-coldplate changed it at" in why


def test_a_refusal_of_one_dashboard_stops_no_other(site):
    """The others are made."""
    models = [{**MODELS[0], "title": ""}, *MODELS[1:]]
    done = site.push(models=models)
    assert [f"write dashboard {FIRST}: HTTP 400: Dashboard title cannot be empty"] == [f.why for f in done.failed]  # fmt: skip
    assert NAMES[1:] == done.created[2:]


def test_a_server_that_goes_away_is_not_asked_for_every_dashboard(site):
    """The first that it does not answer ends it, and the rest is said to be not tried."""
    site.stand_in.faults.append(Fault(SAVE, 503, times=100))
    failed = site.failed()
    assert "HTTP 503: a fault; tried 4 times" in failed[NAMES[0]]
    assert ["not tried, after what came before"] * (len(NAMES) - 1) == [failed[n] for n in NAMES[1:]]  # fmt: skip


def test_looking_tells_each_state(pushed):
    """Same, missing, changed, behind and elsewhere."""
    stand_in = pushed.stand_in
    stand_in.edit(UIDS[1], "bo", title="Mine")
    stand_in.boards[UIDS[2]]["folder"] = "theirs"
    models = [MODELS[0], *MODELS[1:3], {**MODELS[3], "title": "New"}, {**MODELS[0], "uid": "coldplate-new"}]  # fmt: skip
    with pushed.grafana() as grafana:
        found = look(grafana, models)
    assert [State.SAME, State.CHANGED, State.ELSEWHERE, State.BEHIND, State.MISSING] == [f.state for f in found]  # fmt: skip
    assert ["--- grafana", "+++ coldplate"] == found[1].lines()[:2]
    assert f'+ "title": "{MODELS[1]["title"]}",' in found[1].lines()
    assert "... 3 lines more" in found[1].lines(len(found[1].lines()) - 3)
    assert [] == pushed.writes


def test_the_password_of_the_history_is_in_no_repr():
    """It would end in a log."""
    assert CLICKHOUSE_PASSWORD not in repr(SOURCE)
