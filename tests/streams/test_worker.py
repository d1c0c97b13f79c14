"""The worker as a process while Kafka is not there."""

import os
import signal
import subprocess
import sys
import time

from waiting import await_that

from coldplate.console.stack.ports import PortReservations


def test_a_worker_without_kafka_waits_and_says_so_once(tmp_path):
    """One line, however often it looks; SIGTERM ends it."""
    ports = PortReservations()
    env = {
        **os.environ,
        "COLDPLATE_KAFKA": f"127.0.0.1:{ports.choose()}",
        "COLDPLATE_STATE": str(tmp_path),
    }
    log = tmp_path / "log"
    with log.open("wb") as file:
        command = [sys.executable, "-m", "coldplate.console", "worker"]
        worker = subprocess.Popen(command, env=env, stdout=file, stderr=file)
    try:
        await_that(lambda: "is not there yet" in log.read_text(), 30, "the worker to say it")
        said_s = time.monotonic()
        await_that(lambda: time.monotonic() - said_s > 3.5, 10, "three more looks")
        assert worker.poll() is None
        assert 1 == len(log.read_text().splitlines()), log.read_text()
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(timeout=20)
        ports.release()
