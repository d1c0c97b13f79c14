"""The programs that `coldplate bench security` starts: each with its least rights, and some with what must be refused.

What a program says is its log or, for a command, its line on stderr and its exit code. One that runs for long must wait and
say once why; a command must end.
"""

import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Self

from coldplate.console.benching.crew import clean_environment
from coldplate.console.benching.security_case import Outputs, Refused, Trial
from coldplate.console.benching.security_world import World
from coldplate.console.chain import command
from coldplate.console.failure import Failure
from coldplate.console.running import read_stats
from coldplate.console.stack.clickhouse_config import OWNER, READER, WRITER

END_S, SAY_S, LOOK_S = 15.0, 40.0, 0.05
PREFIX = "coldplate: "


@dataclass
class Program:
    """One process of ours.

    Parameters
    ----------
    name
        For its log.
    arguments
        Of `coldplate`.
    env
        Its configuration.
    """

    name: str
    arguments: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    process: "subprocess.Popen[bytes] | None" = None
    log: Path = Path()

    def start(self, folder: Path) -> None:
        """Let it run; what it says goes into a file."""
        self.log = folder / f"{self.name.replace(' ', '-')}.log"
        env = {**clean_environment(), "COLDPLATE_CONFIG": os.devnull, "PYTHONUNBUFFERED": "1", **self.env}  # fmt: skip
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command(*self.arguments), stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, env=env, cwd=folder,
            )  # fmt: skip

    def said(self) -> str:
        """All so far."""
        return self.log.read_text("utf-8", errors="replace") if self.log.exists() else ""

    def ended(self) -> int | None:
        """Its exit code."""
        return self.process.poll() if self.process is not None else None

    def stop(self) -> None:
        """End it in order, or at all events."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Programs:
    """All that run.

    Parameters
    ----------
    folder
        Of their logs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._outputs: Outputs | None = None
        self.all: list[Program] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for program in self.all:
            if program.process is not None and program.process.poll() is None:
                program.process.terminate()
        for program in self.all:
            program.stop()
            if self._outputs is not None:
                self._outputs.add(f"log of {program.name}", program.said())

    def start(self, program: Program) -> Program:
        """Let it run until the end of this."""
        program.start(self._folder)
        self.all.append(program)
        return program

    def read(self, outputs: Outputs) -> None:
        """Keep what they have said, and what they say until their end."""
        self._outputs = outputs


def workers(world: World, programs: Programs, of_worker: Mapping[str, str]) -> Sequence[Trial]:
    """Worker, sink and alerter with their own users, which may do what they need and no more.

    Parameters
    ----------
    of_worker
        What its configuration has besides.
    """
    alerts = world.folder / "alerts.toml"
    alerts.write_text(ALERTS, "utf-8")
    world.file("webhook-key", world.passwords["webhook"])
    reads = world.clickhouse_env(READER)
    alerting = {"COLDPLATE_ALERTS__FILE": str(alerts), "COLDPLATE_ALERTS__STATE_DIR": str(world.folder / "outbox")}  # fmt: skip
    trials = []
    for role, words, env, key in (
        ("worker", ("worker",), {**reads, **of_worker}, "frames"),
        ("sink", ("sink",), world.clickhouse_env(WRITER), "frames"),
        ("alerts", ("alerts", "run"), {**reads, **alerting}, "rejected"),
    ):
        stats = world.folder / f"{role}.json"
        program = Program(role, (*words, "--stats", str(stats)), {**world.kafka_env(role), **env})
        programs.start(program)
        trials.append(Trial(f"{role}: works with its least rights", partial(_works, program, stats, key)))  # fmt: skip
    return trials


def refused(world: World, programs: Programs) -> Sequence[Trial]:
    """One wrong thing each."""
    sinks, reads = world.kafka_env("sink"), world.clickhouse_env(READER)
    wrong = {"COLDPLATE_KAFKA__SASL_PASSWORD_FILE": str(world.file("kafka-wrong", "wrong-wrong"))}
    stranger = {"COLDPLATE_KAFKA__CA_FILE": str(world.stranger.file)}
    elsewhere = {"COLDPLATE_KAFKA": world.broker("WRONG_NAME"), "COLDPLATE_KAFKA__SECURITY_PROTOCOL": "SSL"}  # fmt: skip
    badly = {"COLDPLATE_CLICKHOUSE__PASSWORD_FILE": str(world.file("clickhouse-wrong", "wrong-wrong"))}  # fmt: skip
    writes = world.clickhouse_env(WRITER)
    gone = {"COLDPLATE_KAFKA__SASL_PASSWORD_FILE": str(world.folder / "gone")}
    expired = {"COLDPLATE_CLICKHOUSE": world.clickhouse_url(OWNER, "expired")}
    owner = world.clickhouse_env(OWNER)
    alerts = {"COLDPLATE_ALERTS__FILE": str(world.folder / "alerts.toml"), "COLDPLATE_ALERTS__STATE_DIR": str(world.folder / "other")}  # fmt: skip
    agents = {
        "COLDPLATE_AGENT__STATE_DIR": str(world.folder / "agent"), "COLDPLATE_AGENT__LOCAL__PORT": "0",
        "COLDPLATE_AGENT__NODE": "rack-0000/node-0",
    }  # fmt: skip
    say = partial(_says, programs)
    end = partial(_ends, programs)
    return (
        *say("sink", ("sink",), {**sinks, **writes, **wrong}, {"wrong password of Kafka": "wrong password, or no such user"}),
        *say("sink", ("sink",), {**sinks, **writes, **badly}, {"wrong password of ClickHouse": "password is incorrect"}),
        *say("worker", ("worker",), {**world.kafka_env("worker"), **reads, **stranger}, {"Kafka's authority is not known": "is not there yet"}),
        *say("alerts", ("alerts", "run"), {**world.kafka_env("alerts"), **elsewhere, **reads, **alerts}, {"Kafka's certificate is for another name": "for another name"}),
        *say("agent", ("agent",), {**world.kafka_env("agent"), **stranger, **agents}, {"Kafka's authority is not known": "not in kafka.ca_file"}),
        end("topics", "wrong password of Kafka", ("topics", "create"), {**world.kafka_env("topics"), **wrong}, 3, "wrong password, or no such user"),
        end("sink", "a password file that is not there", ("sink",), {**sinks, **writes, **gone}, 2, "gone: [Errno 2]"),
        end("migrate", "ClickHouse's certificate has expired", ("migrate", "--check"), {**owner, **expired}, 3, "has expired"),
        end("sql", "wrong password of ClickHouse", ("sql", "SELECT 1"), {**reads, **badly}, 2, "password is incorrect"),
        end("sql", "reader deletes", ("sql", "TRUNCATE TABLE frames"), reads, 2, "Not enough privileges"),
    )  # fmt: skip


def _works(program: Program, stats: Path, key: str) -> str:
    """Until it has counted something; or what it said instead."""
    _wait(lambda: program.ended() is not None or _counted(stats, key), SAY_S)
    counts = read_stats(stats)
    if not _counted(stats, key) or program.ended() is not None:
        lines = program.said().strip().splitlines()
        raise Refused(lines[-1][:300] if lines else f"ended with {program.ended()}")
    if waits := counts.get("waiting_for"):
        raise Refused(f"waits for {waits}: {program.said().strip().splitlines()[-1][:300]}")
    return f"{key} {counts.get(key)}"


def _counted(stats: Path, key: str) -> bool:
    return bool(read_stats(stats).get(key))


def _says(
    programs: Programs, name: str, words: tuple[str, ...], env: Mapping[str, str], said: Mapping[str, str]
) -> list[Trial]:  # fmt: skip
    """A program that runs for long: of each thing that is wrong it says why once, and goes on waiting.

    Parameters
    ----------
    said
        What is wrong -> words that tell it.
    """
    program = programs.start(Program(f"{name} {next(iter(said))}", words, env))

    def act(wanted: str) -> str:
        _wait(lambda: wanted in program.said() or program.ended() is not None, SAY_S)
        lines = [line for line in program.said().splitlines() if wanted in line]
        if (code := program.ended()) is not None:
            raise Failure(f"ended with {code}: {program.said().strip()[-300:]}")
        # A program may have two clients, which log under names of their own.
        by = Counter(line.partition(" coldplate.")[2].partition(":")[0] for line in lines)
        if not lines or max(by.values()) > 1:
            raise Failure(f"said {dict(by)}: {program.said().strip()[-300:]}")
        raise Refused(lines[0])

    return [Trial(f"{name}: {what}", partial(act, wanted), wanted) for what, wanted in said.items()]


def _ends(
    programs: Programs, name: str, what: str, words: tuple[str, ...], env: Mapping[str, str],
    code: int, wanted: str,
) -> Trial:  # fmt: skip
    """A command: it ends with a line and a code."""
    program = programs.start(Program(f"{name} {what}", words, env))

    def act() -> str:
        _wait(lambda: program.ended() is not None, SAY_S)
        said = program.said().strip()
        if program.ended() is None:
            raise Failure(f"{name} runs on: {said[-300:]}")
        if program.ended() != code or not said.startswith(PREFIX):
            raise Failure(f"{name} ended with {program.ended()}, not {code}: {said[-300:]}")
        raise Refused(f"{said} (exit {code})")

    return Trial(f"{name}: {what}", act, wanted)


def wait_for(condition: Callable[[], bool], within_s: float, program: Program) -> None:
    """Until something is so.

    Raises
    ------
    Failure
        After so long, or when the program has ended; with its last words.
    """
    _wait(lambda: condition() or program.ended() is not None, within_s)
    if not condition():
        raise Failure(f"{program.name} is not there after {within_s:g} s: {program.said()[-300:]}")


def _wait(condition: Callable[[], bool], within_s: float) -> None:
    until_s = time.monotonic() + within_s
    while not condition() and time.monotonic() < until_s:
        time.sleep(LOOK_S)


ALERTS = """\
[[receivers]]
name = "bench"
kind = "standard-webhooks"
url = "http://127.0.0.1:9/nobody"
secret_files = ["webhook-key"]
allow_http = true
allow_private = true

[[routes]]
name = "all"
to = ["bench"]
"""
