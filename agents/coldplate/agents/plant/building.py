"""From a list of devices to one collector: each Redfish device in a lane of its own, all Modbus devices in one."""

from collections.abc import Callable, Sequence

import msgspec

from coldplate.agents.collector import Collector
from coldplate.agents.gather import Gathering
from coldplate.agents.options.modbus import Modbus
from coldplate.agents.options.redfish import Redfish
from coldplate.agents.plant.devices import (
    Device,
    DevicesError,
    ModbusDevice,
    RedfishDevice,
    TwinDevice,
)

MakeTwin = Callable[[Sequence[TwinDevice]], Collector]


def gather_devices(
    devices: Sequence[Device],
    redfish: Redfish,
    modbus: Modbus,
    *,
    deadline_s: float,
    twin: MakeTwin | None = None,
) -> Gathering:
    """One collector of all devices; close it at the end.

    Parameters
    ----------
    devices
        As the file lists them.
    redfish, modbus
        Options of devices that do not give their own.
    deadline_s
        How long a tick waits for answers.
    twin
        Makes the collector of the twin's devices; None where there is no twin.

    Raises
    ------
    DevicesError
        When a device cannot be read as it is described.
    """
    out: dict[str, Collector] = {}
    try:
        for device in devices:
            if isinstance(device, RedfishDevice):
                out[f"redfish/{device.id}"] = _redfish(device, redfish)
        if of_modbus := [d for d in devices if isinstance(d, ModbusDevice)]:
            out["modbus"] = _modbus(of_modbus, modbus, deadline_s)
        if of_twin := [d for d in devices if isinstance(d, TwinDevice)]:
            if twin is None:
                raise DevicesError(f"{of_twin[0].id}: there is no twin here")
            out["twin"] = twin(of_twin)
        return Gathering(out, deadline_s=deadline_s)
    except ValueError as error:
        for collector in out.values():
            collector.close()
        raise DevicesError(str(error)) from None


def _redfish(device: RedfishDevice, options: Redfish) -> Collector:
    # Imported when there is such a device: what a plant lacks costs nothing.
    from coldplate.agents.collectors.redfish_cdu import RedfishCduCollector  # noqa: PLC0415

    keys = {f.name for f in msgspec.structs.fields(Redfish)}
    own = {
        key: value
        for key, value in msgspec.structs.asdict(device).items()
        if key in keys and value is not None
    }
    return RedfishCduCollector(
        device.id, device.in_rack, device.address, msgspec.structs.replace(options, **own),
        unit=device.unit,
    )  # fmt: skip


def _modbus(devices: Sequence[ModbusDevice], options: Modbus, deadline_s: float) -> Collector:
    from coldplate.agents.collectors.modbus import ModbusCollector  # noqa: PLC0415
    from coldplate.agents.modbus import map as maps  # noqa: PLC0415
    from coldplate.agents.modbus.place import Place  # noqa: PLC0415

    read = {
        name: maps.load(name, atmosphere_kpa=options.atmosphere_kpa)
        for name in {d.map for d in devices}
    }
    places = [
        Place(
            d.id, d.host, d.port, d.unit, d.every_ms or round(1000 * options.every_s),
            d.timeout_s or options.timeout_s, d.source or d.id, d.in_rack,
        )
        for d in devices
    ]  # fmt: skip
    pairs = [(place, read[d.map]) for place, d in zip(places, devices, strict=True)]
    # A gathering waits for the whole until its deadline, so its members must be done before.
    return ModbusCollector(pairs, wait_s=min(options.wait_s, 0.8 * deadline_s))
