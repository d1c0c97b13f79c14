"""Logs as JSON: an object a line, whatever is in the message."""

import json
import logging

from coldplate.console.logs import TEXT_MAX, JsonLines


def line(message, *values, exc_info=None):
    record = logging.LogRecord("coldplate.x", logging.WARNING, "x.py", 1, message, values, exc_info)
    text = JsonLines().format(record)
    assert "\n" not in text
    return json.loads(text)


def test_a_record_is_one_object_with_its_message_before_and_after_its_values():
    """`event` is what records are counted by."""
    told = line("%s is away for %d s", "rack-0001\n{", 3)
    assert ("%s is away for %d s", "rack-0001\n{ is away for 3 s") == (
        told["event"],
        told["message"],
    )
    assert ("warning", "coldplate.x") == (told["level"], told["logger"])
    assert told["t"].endswith("Z")


def test_a_traceback_stays_in_its_record():
    """No line of it is taken for a record of its own."""
    try:
        json.loads("no")
    except ValueError as error:
        told = line("failed", exc_info=(type(error), error, error.__traceback__))
    assert "JSONDecodeError" in told["error"].splitlines()[-1]


def test_a_text_without_end_is_cut_and_says_so():
    """A record is never longer than a collector takes."""
    assert line("x" * (TEXT_MAX + 7))["message"].endswith("(7 more)")
