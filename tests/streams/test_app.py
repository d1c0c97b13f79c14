"""What the worker does when a batch cannot be worked on, and while Kafka does not take what was found."""

import asyncio
import subprocess
import sys

import pytest
from aiokafka.errors import KafkaTimeoutError

from coldplate.streams.app import publish, write_down
from coldplate.streams.ending import EXIT_FAILED
from coldplate.streams.pipeline import Effects
from coldplate.wire.baseline import Baselines
from coldplate.wire.reject import Reject
from coldplate.wire.topic import Topics

FAILING = """
import logging
from coldplate.streams.ending import or_end
logging.basicConfig(level=logging.CRITICAL)
with or_end():
    raise RuntimeError("a bug")
print("went on")
"""


def test_an_error_that_nobody_foresaw_ends_the_process():
    """With its own exit status and the reason in the log: whoever supervises starts it anew, before the commit."""
    ran = subprocess.run(
        [sys.executable, "-c", FAILING], capture_output=True, text=True, check=False
    )
    assert (EXIT_FAILED, "") == (ran.returncode, ran.stdout)
    assert "RuntimeError: a bug" in ran.stderr


class Away:
    """An app whose Kafka takes nothing the first time."""

    def __init__(self):
        self.tried, self.taken = 0, []

    async def send(self, topic, *, key, value, **_):
        self.tried += 1
        if self.tried == 1:
            raise KafkaTimeoutError
        self.taken.append((topic, value))
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


def test_what_was_found_is_sent_again_until_kafka_takes_it(caplog):
    """The same bytes; said once when it begins and once when it is over."""
    app, reject = Away(), Reject("bad-crc", "", "t", 0, 7, 3, b"abc", "worker")
    asyncio.run(publish(app, Topics(), Effects(rejects=[reject])))
    assert ["coldplate.rejects"] == [topic for topic, _ in app.taken]
    assert 2 == app.tried
    assert 2 == len(caplog.records)


def test_what_was_learnt_is_not_sent_again():
    """It waits for nothing: the next turn has newer. Under the rack's key."""
    app, records = Away(), [Baselines("c", f"rack-{n}", 1, ()) for n in range(2)]
    with pytest.raises(KafkaTimeoutError):
        asyncio.run(write_down(app, Topics(), records))
    assert (1, []) == (app.tried, app.taken)
    asyncio.run(write_down(app, Topics(), records))
    assert ["coldplate.baselines"] * 2 == [topic for topic, _ in app.taken]
