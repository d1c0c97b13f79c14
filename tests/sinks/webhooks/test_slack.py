"""Slack's blocks: within its limits, and nothing of a site's names becomes markup."""

import json
import re
from pathlib import Path

import pytest
from sinks.webhooks.told import HOSTILE, NOW_S, Large, ended, fouling, message, pump_stop, told

from coldplate.sinks.webhooks.config import Slack
from coldplate.sinks.webhooks.formats.making import format_of
from coldplate.sinks.webhooks.formats.slack import escaped
from coldplate.sinks.webhooks.message import Phase, Text

LINK = re.compile(r"<https://[^<>|]+\|(Runbook|Dashboard)>")


def body(*parts, **changed):
    made = format_of(Slack(name="s", url="https://hooks.example"), Path())
    return json.loads(made.call(message(*parts, **changed), NOW_S).body)


def texts(found):
    """Every text object of the blocks."""
    for block in found["blocks"]:
        yield from (block[name] for name in ("text",) if name in block)
        yield from (*block.get("fields", ()), *block.get("elements", ()))


def hostile():
    text = Text(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, (HOSTILE,), HOSTILE, (HOSTILE,),
                "https://wiki.example/a|b>c<d&e", "https://grafana.example/x")  # fmt: skip
    return told(fouling(), text=text, acked_by=HOSTILE)


def test_a_message_says_what_where_what_to_do_and_why():
    """A header, the facts side by side, the steps, the numbers, and where to look."""
    one = told(pump_stop())
    found = body(one)
    assert ["header", "section", "section", "section", "section", "context", "divider"] == [
        block["type"] for block in found["blocks"]
    ]
    assert one.text.title in found["blocks"][0]["text"]["text"]
    assert one.text.title == found["text"]
    shown = "\n".join(text["text"] for text in texts(found))
    assert [] == [step for step in one.text.todo if escaped(step, 3000) not in shown]
    assert 2 == len(LINK.findall(shown))


def test_what_is_over_is_short():
    """Nobody needs the steps any more."""
    found = body(told(ended(pump_stop()), Phase.CLOSED))
    assert found["text"].startswith("Over: ")
    assert ["header", "section", "section", "context", "divider"] == [
        b["type"] for b in found["blocks"]
    ]


def test_no_name_becomes_markup():
    """Beside our own links there is no `<`, so nothing calls a channel or shows an address under another's name."""
    found = body(hostile(), note=HOSTILE)
    assert found["text"] == escaped(
        found["text"].replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"), 3000
    )
    for text in texts(found):
        if text["type"] == "mrkdwn":
            assert text["verbatim"]
            assert "<" not in LINK.sub("", text["text"])
            assert ">" not in LINK.sub("", text["text"])


@pytest.mark.parametrize("count", [1, 5, 50, 400])
def test_slacks_limits_hold(count):
    """50 blocks, 3,000 characters of a text, 150 of a header, 2,000 of a field, however much there is to say."""
    long = Text(
        "t" * 900,
        *["&" * 9000] * 4,
        ("<" * 900,) * 90,
        "&" * 9000,
        (">" * 900,) * 90,
        "https://x/" + "&" * 9000,
    )
    found = body(*[told(Large().incident(), text=long)] * count, note="&" * 9000)
    assert len(found["blocks"]) <= 50
    for block in found["blocks"]:
        assert len(block.get("fields", ())) <= 10
        assert [] == [f for f in block.get("fields", ()) if len(f["text"]) > 2000]
    for text in texts(found):
        most = 150 if text["type"] == "plain_text" else 3000
        assert 0 < len(text["text"]) <= most
        assert not re.search(r"&(?!amp;|lt;|gt;)", text["text"])
    assert len(found["text"]) <= 3000
