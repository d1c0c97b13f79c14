"""`coldplate agent --role plant`: the agent of a row or hall, with its local page and signals.

SIGHUP reads the configuration and the list of devices again; when both can be used the lease is given up and taken
again with the new ones, which a stand-by bridges.
"""

import logging
import threading
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from coldplate.agents.collector import Collector
from coldplate.agents.gate import Gate
from coldplate.agents.local.notify import Notify
from coldplate.agents.local.status import Status, Watched
from coldplate.agents.plant.building import gather_devices
from coldplate.agents.plant.devices import DevicesError, TwinDevice, load_devices
from coldplate.agents.plant.identity import StateFolderError
from coldplate.agents.plant.member import RoleState
from coldplate.agents.plant.plant import Frames, GatedPublisher, PlantAgent, run_plant
from coldplate.console.context import Context
from coldplate.console.crew import state_dir
from coldplate.console.failure import BAD_INPUT, NOT_THERE, Failure
from coldplate.console.running import Ledger, StatsFile
from coldplate.console.sending import check_sent, publisher_of
from coldplate.console.serving import serve
from coldplate.console.turning import Turn, refuse_other_role

log = logging.getLogger(__name__)

PULSE_S = 1.0


def run_plant_agent(
    context: Context,
    for_s: float | None = None,
    ledger: str | None = None,
    stats: str | None = None,
) -> dict[str, Any]:
    """Lead or stand by until a stop signal, or for so many seconds; the counts at the end.

    Raises
    ------
    Failure
        When the configuration or the list of devices cannot be used, or records are lost at the end.
    """
    notify, book = Notify(), Ledger(ledger)
    contexts = [context]
    reloads = {"taken": 0, "refused": 0}

    def check() -> bool:
        """Whether there is a new configuration that can be used; the agent goes on meanwhile."""
        notify.reloading()
        new = _reloaded(contexts[-1])
        reloads["refused" if new is None else "taken"] += 1
        if new is None:
            notify.ready(f"plant {contexts[-1].config.agent.plant.id}")
            return False
        contexts.append(new)
        return True

    turn = Turn(check)
    timer = threading.Timer(for_s or 0.0, turn.stop)
    timer.daemon = True
    if for_s is not None:
        timer.start()
    try:
        with turn.on_signals():
            while True:
                final = _run_one(contexts[-1], turn, notify, book, stats, reloads)
                turn.clear()
                if turn.stopping:  # looked at after the clearing, so that no stop is lost
                    break
    finally:
        notify.stopping()
        timer.cancel()
        book.close()
    check_sent(contexts[-1], final)
    return final


def _run_one(
    context: Context, turn: Turn, notify: Notify, book: Ledger, stats: str | None,
    reloads: dict[str, int],
) -> dict[str, Any]:  # fmt: skip
    """One agent, from one configuration to the next."""
    options = context.config.agent
    status = Status(options.plant.id, version("coldplate"), options.tick_ms, reloads=reloads)
    agent = _agent(context, status, notify, book)
    status.counts, status.role_state = agent.counts, lambda: agent.role_state.value
    server = serve(status, options.local)
    notify.ready(f"plant {options.plant.id} as {agent.member}")
    over = threading.Event()
    threading.Thread(target=_pet, args=(agent, over, notify), daemon=True).start()
    try:
        with StatsFile(stats, agent.counts):
            return run_plant(agent, turn)
    finally:
        over.set()
        if server is not None:
            server.close()


def _agent(context: Context, status: Status, notify: Notify, book: Ledger) -> PlantAgent:
    options, folder = context.config.agent, state_dir(context)
    collector = _devices(context)

    def publisher(gate: Gate) -> GatedPublisher:
        return publisher_of(context, folder / "spool", gate)

    def watch(inner: Collector) -> Collector:
        return Watched(inner, status, notify.ticked)

    try:
        return PlantAgent(
            options.plant, Frames(context.config.cluster, options.tick_ms, options.ticks), collector,
            publisher, context.kafka, context.topics, folder,
            watch=watch, on_frame=book.frame, on_event=book.event,
        )  # fmt: skip
    except (StateFolderError, Failure) as error:
        collector.close()
        raise error if isinstance(error, Failure) else Failure(str(error), NOT_THERE) from None


def _devices(context: Context) -> Collector:
    options = context.config.agent
    if not options.plant.devices:
        raise Failure(
            "agent.plant.devices names no file; docs/collectors/plant.md says what stands in it",
            BAD_INPUT,
        )
    try:
        devices = load_devices(Path(options.plant.devices))
        deadline_s = min(options.deadline_s, 0.8 * options.tick_ms / 1000)
        return gather_devices(
            devices, options.redfish, options.modbus, deadline_s=deadline_s, twin=_of_twin
        )
    except DevicesError as error:
        raise Failure(str(error), BAD_INPUT) from None


def _of_twin(devices: Sequence[TwinDevice]) -> Collector:
    # Its physics is imported when a plant has such a device.
    from coldplate.twin.cdus import TwinCdus

    return TwinCdus(devices)


def _reloaded(old: Context) -> Context | None:
    """The new configuration; None when it or its devices cannot be used."""
    new = Context(old.config_file, old.state_dir, old.verbose)
    try:
        refuse_other_role(old.config, new.config)
        _ = new.kafka
        _devices(new).close()
    except Failure as error:
        log.error("the configuration is refused, the old one goes on: %s", error)  # noqa: TRY400
        return None
    log.warning("the configuration was read again")
    if new.config.log != old.config.log:
        new.log_to_stderr()
    return new


def _pet(agent: PlantAgent, over: threading.Event, notify: Notify) -> None:
    """While it does not lead there are no ticks, and systemd must hear of it all the same."""
    while not over.wait(PULSE_S):
        if agent.role_state is not RoleState.LEADING:
            notify.ticked()
