"""One member of a plant as a process of its own: `plant_member.py KAFKA PREFIX STATE_DIR NAME DEVICES_FILE STATS`."""

import logging
import sys
from pathlib import Path

from coldplate.agents.options.modbus import Modbus
from coldplate.agents.options.plant import Plant
from coldplate.agents.options.redfish import Redfish
from coldplate.agents.options.spool import Spool
from coldplate.agents.plant.building import gather_devices
from coldplate.agents.plant.devices import load_devices
from coldplate.agents.plant.plant import Frames, PlantAgent, run_plant
from coldplate.agents.publisher import KafkaPublisher
from coldplate.agents.settings import KafkaSettings
from coldplate.agents.spool.disk import SpooledQueue
from coldplate.console.running import StatsFile, stop_on_signals
from coldplate.twin.cdus import TwinCdus
from coldplate.wire.topic import Topics


def main(brokers, prefix, state_dir, name, devices, stats):
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    settings, folder = KafkaSettings(brokers), Path(state_dir)
    waiting = SpooledQueue(folder / "spool", Spool(), first_topics=(Topics(prefix).events,))
    collector = gather_devices(
        load_devices(Path(devices)), Redfish(), Modbus(), deadline_s=0.5, twin=TwinCdus
    )
    agent = PlantAgent(
        Plant(id="hall", member=name), Frames("coldplate"), collector,
        lambda gate: KafkaPublisher(settings, waiting=waiting, gate=gate), settings, Topics(prefix), folder,
    )  # fmt: skip
    with stop_on_signals() as stop, StatsFile(stats, agent.counts):
        run_plant(agent, stop)


if __name__ == "__main__":
    main(*sys.argv[1:])
