"""Who is told what, and when."""

import time

from sinks.webhooks.desk import CHAT, HOUR_MS, Desk, brief, silenced
from sinks.webhooks.lives import T0_MS, action, incident

from coldplate.sinks.webhooks.config import Alerts, Route
from coldplate.wire.action import Verb
from coldplate.wire.incident import Evidence


def test_who_is_paged_is_told_when_it_opens_and_when_it_is_over():
    """After the group's wait; nothing is said twice."""
    desk = Desk()
    assert [] == desk.take(incident())
    assert [(0.3, "chat", "aa11:opened")] == desk.until(5)
    assert [] == desk.take(incident(1), incident())
    assert [("chat", "aa11:closed")] == desk.take(incident(2, "closed"))
    assert [] == desk.take(incident(2, "closed"))
    assert [] == desk.until(80_000)
    assert [0, 1] == [m.number for m in desk.messages]
    assert 1 == len({m.group for m in desk.messages})
    assert [True, False] == [m.firing for m in desk.messages]


def test_what_pages_nobody_is_not_told():
    """Until it is worse; what falls back is told of no more, until it is over."""
    desk = Desk()
    desk.take(incident(severity="ticket"))
    assert [] == desk.until(5)
    desk.take(incident(1))
    assert [(5.3, "chat", "aa11:opened")] == desk.until(6)
    assert [] == desk.take(incident(2, severity="info"))
    assert [] == desk.until(50_000)
    assert [("chat", "aa11:closed")] == desk.take(incident(3, "closed", "info"))


def test_a_worse_severity_is_told_at_once_and_another_cause_once_a_minute():
    """What changes within the minute is told together; what changes back is not told."""
    desk = Desk()
    desk.take(incident())
    desk.until(1)
    assert [("chat", "aa11:updated")] == desk.take(incident(1, severity="critical"))
    assert [] == desk.take(incident(2, kind="flow-loss", severity="critical"))
    assert [] == desk.take(incident(3, kind="cavitation", severity="critical"))
    assert [(61.0, "chat", "aa11:updated")] == desk.until(100)
    assert "cavitation" == desk.messages[-1].told[0].incident.kind
    desk.until(1000)
    desk.take(incident(4, kind="pump-wear", severity="critical"))
    desk.until(1001)
    assert [] == desk.take(incident(5, kind="cavitation"), incident(6, kind="cavitation"))
    desk.take(incident(7, kind="flow-loss"), incident(8, kind="pump-wear"))
    assert [] == desk.until(2000)


def test_ten_times_as_many_affected_are_news():
    """From one to nine is not."""
    desk = Desk()
    desk.take(incident(affected=("g0",)))
    desk.until(100)
    assert [] == desk.take(incident(1, affected=tuple(f"g{n}" for n in range(9))))
    many = tuple(f"g{n}" for n in range(5000))
    assert [("chat", "aa11:updated")] == desk.take(
        incident(2, affected=many, evidence=(Evidence("d", "g", "m", 0),) * 100)
    )
    told = desk.messages[-1].told[0].incident
    assert (256, 16) == (len(told.affected), len(told.evidence))


def test_nobody_who_cares_is_reminded():
    """Every four hours while nobody has acknowledged; an ack stops that, and not a worse severity."""
    desk = Desk()
    desk.take(incident())
    assert [(0.3, "chat", "aa11:opened"), (14_400.3, "chat", "aa11:reminder")] == desk.until(20_000)
    desk.take(action("ack"))
    assert [] == desk.until(200_000)
    assert [("chat", "aa11:updated")] == desk.take(incident(1, severity="critical"))
    assert "ada" == desk.messages[-1].told[0].acked_by


def test_a_receiver_that_forgets_is_told_again_and_again():
    """An Alertmanager, each minute, whoever has acknowledged and whatever is silenced; till it is over."""
    desk = Desk(Route(name="all", to=("prometheus", "chat")))
    desk.take(incident())
    desk.until(1)
    desk.take(action("ack"), silenced(1))
    said = desk.until(130)
    assert [(60.3, "prometheus", "aa11:refresh"), (120.3, "prometheus", "aa11:refresh")] == said
    both = [("chat", "aa11:closed"), ("prometheus", "aa11:closed")]
    assert both == sorted(desk.take(incident(1, "closed")))
    assert [] == desk.until(1000)


def test_a_receiver_that_wants_no_closings_gets_none():
    """And is told when it opens again."""
    desk = Desk(Route(name="all", to=("mute",)))
    desk.take(incident())
    assert [(0.3, "mute", "aa11:opened")] == desk.until(1)
    assert [] == desk.take(incident(1, "closed"))
    desk.take(incident(2))
    assert [(1.3, "mute", "aa11:opened", "reopened")] == desk.until(2)


def test_what_paged_and_was_over_before_it_was_told_is_told():
    """It opened and is over: two messages, in this order; a ticket is not worth it."""
    desk = Desk(Route(name="all", to=("chat",), severity=("ticket", "warning"), group_wait_s=30.0))
    desk.take(incident())
    desk.until(1)
    said = desk.take(incident(1, "closed"))
    assert [("chat", "aa11:opened", "over already"), ("chat", "aa11:closed")] == said
    within = [("chat", "bb22:opened", "over already"), ("chat", "bb22:closed")]
    assert within == desk.take(incident(id_="bb22"), incident(1, "closed", id_="bb22"))
    assert [] == desk.take(incident(id_="cc33", severity="ticket"))
    assert [] == desk.take(incident(1, "closed", "ticket", id_="cc33"))
    assert [] == desk.until(1000)


def test_a_person_closes_and_detection_opens_again():
    """Over, by whom; then it is worse than that person knew, and is told as opened again."""
    desk = Desk()
    desk.take(incident())
    desk.until(1)
    assert [("chat", "aa11:closed", "closed by ada")] == desk.take(action("close"))
    assert [] == desk.take(incident(1))
    desk.take(incident(2, severity="critical"))
    assert [(1.3, "chat", "aa11:opened", "reopened")] == desk.until(2)
    assert [("chat", "aa11:closed")] == desk.take(incident(3, "closed", "critical"))
    assert 4 == len({m.id for m in desk.messages})


def test_what_became_part_of_another_says_of_which():
    """Its closing is no all-clear."""
    desk = Desk()
    desk.take(incident())
    desk.until(1)
    merged = incident(1, "closed", cause="Part of incident bb22: It stopped.")
    assert [("chat", "aa11:closed", "part of incident bb22")] == desk.take(merged)


def test_a_silence_keeps_back_and_what_still_holds_is_told_at_its_end():
    """Nothing is sent while it holds, one action says so; what was over meanwhile is never sent."""
    desk = Desk()
    desk.take(silenced())
    desk.take(incident(), incident(id_="bb22"), incident(id_="cc33", subject="rack-0004/cdu"))
    assert [(0.3, "chat", "cc33:opened")] == desk.until(1)
    held = [(a.verb, a.incident, a.silence.id, a.who, a.phase) for a in desk.actions]
    assert [(Verb.HELD, id_, "5111", "alerter/one", "opened") for id_ in ("aa11", "bb22")] == held
    assert [] == desk.take(incident(1, severity="critical"), incident(1, "closed", id_="bb22"))
    assert [] == desk.until(3599)
    assert 2 == len(desk.actions)
    note = "silenced until 2026-09-21 15:13Z by bo (work)"
    assert [(3600.0, "chat", "aa11:opened", note)] == desk.until(3700)
    assert [("chat", "aa11:closed")] == desk.take(incident(2, "closed"))


def test_a_silence_that_somebody_ends_is_over_at_once():
    """And one that is made anew reaches as far as it was made last."""
    desk = Desk()
    desk.take(silenced(), incident())
    desk.take(silenced(1, end_s=7200))
    assert [] == desk.until(3700)
    said = desk.take(silenced(2, "unsilence"))
    assert ["aa11:opened"] == [told for _, told, _ in said]
    assert [] == desk.take(silenced(1, end_s=7200))
    assert [] == desk.until(5000)


def test_what_was_told_before_a_silence_is_told_to_be_over_within_it():
    """Worse is kept back, and told at the end."""
    desk = Desk()
    desk.take(incident(), incident(id_="bb22"))
    desk.until(1)
    desk.take(silenced())
    assert [] == desk.take(incident(1, severity="critical"))
    assert [("chat", "bb22:closed")] == desk.take(incident(1, "closed", id_="bb22"))
    assert [Verb.HELD] == [a.verb for a in desk.actions]
    (said,) = desk.until(3700)
    assert (3600.0, "chat", "aa11:updated") == said[:3]


def test_a_recurring_silence_holds_in_its_windows():
    """Told between them, kept back within, and reminded when the next one is over."""
    hourly = silenced(cron="0 * * * *", for_s=1800.0, end_s=90_000)
    desk = Desk(Route(name="all", to=("chat",), remind_s=1200.0))
    desk.take(hourly, incident())
    # T0 is 14:13:20 UTC: the window ends at 14:30.
    begin = [1000.0, 2200.0, 4600.0, 5800.0]
    assert begin == [said[0] for said in desk.until(6000)]


def test_a_silence_that_makes_no_sense_keeps_nothing_back():
    """An alert too many is the smaller harm."""
    desk = Desk()
    desk.take(silenced(cron="nonsense", for_s=60.0), silenced(1, id_="5222", subject=""))
    desk.take(incident())
    assert [(0.3, "chat", "aa11:opened")] == desk.until(1)


def test_a_group_shares_a_message():
    """Whatever arrives within the wait of the first, the worst first; what comes later stays in the group."""
    desk = Desk(Route(name="all", to=("chat",), group_by=("rack",), group_wait_s=10.0))
    desk.take(incident())
    desk.until(5)
    desk.take(incident(id_="bb22", severity="critical"), incident(id_="cc33", subject="rack-0004/cdu", rack="rack-0004"))  # fmt: skip
    said = desk.until(20)
    assert [(10.0, "chat", "bb22:opened aa11:opened"), (15.0, "chat", "cc33:opened")] == said
    desk.take(incident(1, subject="rack-0004/cdu", rack="rack-0004"))
    desk.until(100)
    both = desk.take(incident(2, "closed"), incident(1, "closed", "critical", id_="bb22"))
    assert [("chat", "bb22:closed aa11:closed")] == both
    first, other, *rest = desk.messages
    assert {first.group} == {m.group for m in rest}
    assert other.group != first.group
    assert [0, 1, 2] == [m.number for m in (first, *rest)]


def test_a_group_of_hundreds_is_cut_into_messages():
    """Fifty incidents in each."""
    desk = Desk(Route(name="all", to=("chat",), group_by=("hall",)))
    desk.take(*(incident(id_=f"i{n:03}") for n in range(120)))
    desk.until(1)
    assert [50, 50, 20] == [len(m.told) for m in desk.messages]
    assert [0, 1, 2] == [m.number for m in desk.messages]


def test_routes_are_tried_in_order():
    """The first that matches decides, and further ones while `go_on` is set; each receiver is told once."""
    desk = Desk(
        Route(name="water", to=("chat",), kinds=("pump",), places=("row-0",), go_on=True),
        Route(name="both", to=("chat", "mute")),
        Route(name="never", to=("prometheus",)),
    )
    desk.take(incident(), incident(id_="bb22", subject="rack-0021/cdu", rack="rack-0021"))
    desk.until(1)
    found = sorted((m.receiver, m.route, m.told[0].incident.id) for m in desk.messages)
    assert [
        ("chat", "both", "bb22"), ("chat", "water", "aa11"), ("mute", "both", "aa11"),
        ("mute", "both", "bb22"),
    ] == found  # fmt: skip


def test_who_is_told_follows_the_time_of_day():
    """Who was told is told on; the next shift hears of what nobody has acknowledged."""
    # T0 is Monday, 14:13:20 UTC.
    desk = Desk(
        Route(name="day", to=("chat",), hours="08:00-15:00", days=("mon",)),
        Route(name="night", to=("mute",)),
    )
    desk.take(incident())
    said = desk.until(5 * 3600)
    assert [(0.3, "chat", "aa11:opened"), (14_400.6, "mute", "aa11:opened")] == said
    assert [("chat", "aa11:closed")] == desk.take(incident(1, "closed"))


def test_what_has_no_route_yet_is_told_when_one_begins():
    """A ticket of the night is there in the morning; what is over by then is not."""
    desk = Desk(Route(name="office", to=("chat",), severity=("ticket",), hours="08:00-09:00"))
    desk.take(incident(severity="ticket"), incident(id_="bb22", severity="ticket"))
    desk.take(incident(1, "closed", "ticket", id_="bb22"))
    ((at_s, *told),) = desk.until(90_000)
    assert (64_000.3, ["chat", "aa11:opened"]) == (at_s, told)


def test_a_page_without_a_route_is_said():
    """Once: a configuration that leads nowhere is seen in the timeline."""
    desk = Desk(Route(name="power", to=("chat",), kinds=("power",)))
    desk.take(incident(), incident(id_="bb22", severity="ticket"))
    desk.take(incident(1))
    assert [(Verb.DROPPED, "aa11")] == [(a.verb, a.incident) for a in desk.actions]


def test_old_records_read_again_tell_what_is_open_alone():
    """After the state was lost: what was over long ago is not told, what is open is."""
    desk = Desk()
    desk.now_ms += 2 * HOUR_MS
    desk.take(incident(), incident(1, "closed"), incident(id_="bb22"), action("ack"))
    assert [(7205.0, "chat", "bb22:opened")] == desk.until(7300)
    assert "aa11:opened" not in str([brief(m) for m in desk.messages])


def test_lost_memory_sends_again_under_the_same_ids():
    """A receiver that deduplicates hears nothing twice."""
    one, two = Desk(), Desk()
    one.take(incident())
    one.until(1)
    one.take(incident(1, "closed"))
    two.until(3)
    two.take(incident())
    two.until(7)
    two.take(incident(1, "closed"))
    assert [m.id for m in one.messages] == [m.id for m in two.messages]


def test_what_is_over_is_forgotten_after_a_day():
    """Silences a day after they are past, groups once nothing of them can wait to be sent."""
    desk = Desk()
    desk.take(silenced(subject="rack-0009"), incident())
    desk.until(1)
    desk.take(incident(1, "closed"))
    assert {"incident", "silence", "group"} == {key.partition("/")[0] for key in desk.states}
    desk.until(25 * 3600)
    assert {"group"} == {key.partition("/")[0] for key in desk.states}
    desk.until(20 * 86_400)
    assert {} == desk.states
    assert None is desk.policy.next_ms()


def test_what_is_of_another_cluster_or_unreadable_is_left():
    """Counted."""
    desk = Desk()
    assert [] == desk.take(incident(cluster="other"))
    desk.states["incident/aa11"] = b"\xc1rubbish"
    desk.start()
    desk.take(incident())
    assert [(0.3, "chat", "aa11:opened")] == desk.until(1)
    assert 1 == desk.policy.counts["states_unreadable"]


def test_a_turn_costs_what_changed():
    """With 10,000 incidents open a turn writes one state for one record, within a few milliseconds."""
    desk = Desk(Route(name="all", to=("chat", "prometheus")))
    began_s = time.process_time()
    desk.take(*(incident(id_=f"i{n:05}") for n in range(10_000)))
    desk.until(30)
    assert 20_000 == len(desk.messages)
    assert time.process_time() - began_s < 30
    cost_s = []
    for step in range(1, 21):
        began_s = time.process_time()
        desk.policy.take(incident(step, id_="i00007"), desk.now_ms)
        turn = desk.policy.due(desk.now_ms)
        cost_s.append(time.process_time() - began_s)
        assert ["incident/i00007"] == list(turn.states)
    assert min(cost_s) < 0.01
    assert desk.policy.next_ms() == T0_MS + 60_300


def test_a_receiver_that_the_configuration_lost_is_told_no_more():
    """Its incidents go to whom routes name now."""
    desk = Desk(Route(name="all", to=("mute",)))
    desk.take(incident())
    desk.until(1)
    routes = (Route(name="new", to=("chat",)),)
    desk.alerts = Alerts(receivers=(CHAT,), routes=routes)
    desk.start()
    desk.turn()
    assert [(1.3, "chat", "aa11:opened")] == desk.until(2)
    assert [("chat", "aa11:closed")] == desk.take(incident(1, "closed"))
