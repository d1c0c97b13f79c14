"""The file that lists a plant's devices (TOML), read strictly: a mistake is refused with its line and its key.

A device that is left out by a slip is water that nobody watches, so nothing is guessed and nothing is passed over.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from coldplate.wire.toml_lines import TomlLines

KINDS = ("redfish", "modbus", "twin")

Id = Annotated[str, Meta(min_length=1, max_length=200)]
Every = Annotated[int, Meta(ge=1000, le=3_600_000)]

_PLACE = re.compile(r"\$\.device\[(\d+)\](?:\.(\S+))?")


class DevicesError(ValueError):
    """A device file is wrong; the message says where and what to do."""


class _Device(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"
):
    id: Id
    rack: str = ""

    @property
    def in_rack(self) -> str:
        """Its rack: as given, or what stands before the first `/` of its id."""
        return self.rack or self.id.partition("/")[0]


class RedfishDevice(_Device, frozen=True, tag="redfish"):
    """A CDU whose controller speaks Redfish; keys that are not given are those of `[agent.redfish]`."""

    address: str
    unit: str = ""
    user: str | None = None
    password_file: str | None = None
    auth: Literal["session", "basic"] | None = None
    ca_file: str | None = None
    verify: bool | None = None
    timeout_s: Annotated[float, Meta(gt=0, le=60)] | None = None
    pump_ticks: Annotated[int, Meta(ge=1, le=3600)] | None = None
    slow_ticks: Annotated[int, Meta(ge=1, le=3600)] | None = None
    gauge_kpa: float | None = None
    sensors: dict[str, str] | None = None


class ModbusDevice(_Device, frozen=True, tag="modbus"):
    """A device that speaks Modbus TCP; keys that are not given are those of `[agent.modbus]`."""

    address: str
    map: Id
    unit: Annotated[int, Meta(ge=0, le=255)] = 1
    source: str = ""
    every_ms: Every | None = None
    timeout_s: Annotated[float, Meta(gt=0, le=60)] | None = None

    @property
    def host(self) -> str:
        """Of its address."""
        return _host_and_port(self.address)[0]

    @property
    def port(self) -> int:
        """Of its address; 502 when it names none."""
        return _host_and_port(self.address)[1]


class TwinDevice(_Device, frozen=True, tag="twin"):
    """A CDU of the digital twin, to try things out."""


Device = RedfishDevice | ModbusDevice | TwinDevice


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    device: list[Device]


def load_devices(path: Path) -> tuple[Device, ...]:
    """The devices of a file; paths in it are relative to its folder.

    Raises
    ------
    DevicesError
    """
    try:
        text = path.read_text("utf-8")
        data = tomllib.loads(text)
    except OSError as error:
        raise DevicesError(
            f"{path}: {error.strerror}; agent.plant.devices names the file"
        ) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DevicesError(f"{path}: {error}") from None
    where = _Where(path, text)
    defaults = _defaults(data.pop("defaults", {}), path)
    given = data.get("device", [])
    if not isinstance(given, list) or not given:
        raise DevicesError(f"{path}: it lists no [[device]]")
    for i, entry in enumerate(given):
        if not isinstance(entry, dict) or entry.get("kind") not in KINDS:
            raise DevicesError(f"{where(i)}: kind must be one of {', '.join(KINDS)}")
    data["device"] = [
        _resolved({**defaults.get(entry["kind"], {}), **entry}, path.parent) for entry in given
    ]
    try:
        devices = msgspec.convert(data, _File).device
    except msgspec.ValidationError as error:
        raise DevicesError(where.of(str(error))) from None
    _check(devices, where)
    return tuple(devices)


class _Where:
    """Tells the line of each device."""

    def __init__(self, path: Path, text: str) -> None:
        self._path, self._line = path, TomlLines(text)

    def __call__(self, index: int) -> str:
        """File and line of a device by its position."""
        line = self._line("device", index)
        return f"{self._path}" if line is None else f"{self._path} line {line}"

    def of(self, text: str) -> str:
        """A message of msgspec, with the line instead of its path."""
        found = _PLACE.search(text)
        words = _PLACE.sub("", text).replace(" - at ``", "").replace("Object", "the device")
        if found is None:
            return f"{self._path}: {text}"
        key = f", key {found[2].strip('`')}" if found[2] else ""
        return f"{self(int(found[1]))}{key}: {words}"


def _defaults(given: Any, path: Path) -> Mapping[str, Mapping[str, Any]]:
    wrong = not isinstance(given, dict) or any(
        kind not in KINDS or not isinstance(keys, dict) for kind, keys in given.items()
    )
    if wrong:
        raise DevicesError(
            f"{path}: defaults are given by kind, as [defaults.redfish] or [defaults.modbus]"
        )
    for kind, keys in given.items():
        if own := {"id", "kind", "address"} & set(keys):
            raise DevicesError(f"{path}: [defaults.{kind}] gives {min(own)}, each device's own")
    out: Mapping[str, Mapping[str, Any]] = given
    return out


def _resolved(entry: dict[str, Any], folder: Path) -> dict[str, Any]:
    """With paths from the file's folder. A map without a folder or suffix is one that is shipped."""
    out = dict(entry)
    for key in ("password_file", "ca_file", "map"):
        value = out.get(key)
        if isinstance(value, str) and value:
            shipped = key == "map" and "/" not in value and not value.endswith(".toml")
            out[key] = value if shipped else str(folder / value)
    return out


def _check(devices: list[Device], where: _Where) -> None:
    count = Counter(d.id for d in devices)
    for i, device in enumerate(devices):
        if count[device.id] > 1:
            raise DevicesError(f"{where(i)}: id {device.id!r} is given {count[device.id]} times")
        if isinstance(device, ModbusDevice) and not device.host:
            raise DevicesError(
                f"{where(i)}, key address: {device.address!r} is no host[:port] of a Modbus device"
            )
        if isinstance(device, RedfishDevice) and not device.address.startswith(
            ("https://", "http://")
        ):
            raise DevicesError(
                f"{where(i)}, key address: {device.address!r} is no Redfish address; write https://host"
            )


def _host_and_port(address: str) -> tuple[str, int]:
    """`host`, `host:port`, `[v6]:port`; an empty host when it is none of these."""
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+)(?::(\d{1,5}))?", address)
    if found is None or not 0 < int(found[2] or 502) < 1 << 16:
        return "", 0
    return found[1].strip("[]"), int(found[2] or 502)
