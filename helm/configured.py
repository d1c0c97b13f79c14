"""The parts' own configuration as JSON Schema, from the types that the program reads it with.

What the chart itself decides (addresses, names, files) is left out, so that nobody sets it twice.
"""

from typing import Any

import msgspec
from words import FREE, ROW, Piece

from coldplate.console import config

DECIDED = {
    *(f"{part}.local.{key}" for part in ("agent", "worker", "cluster_detector", "sink", "alerts") for key in ("cert_file", "key_file", "client_ca_file")),
    "agent.role", "agent.node", "agent.rack", "agent.state_dir", "agent.local.address", "agent.local.port",
    "agent.spool.mode", "agent.spool.bytes_max", "agent.jobs.pod_socket", "agent.plant.id", "agent.plant.devices",
    "agent.plant.member", "agent.kmsg.on", "agent.kmsg.path", "agent.kmsg.back_s", "agent.kmsg.from_programs",
    "agent.redfish.password_file", "agent.redfish.ca_file", "agent.jobs.mapping_dir",
    "worker.group", "worker.instance", "worker.parameters", "worker.local.address", "worker.local.port",
    "worker.joined", "cluster_detector.group", "cluster_detector.instance", "cluster_detector.local.address", "cluster_detector.local.port",
    "sink.group", "sink.instance", "sink.local.address", "sink.local.port",
    "alerts.file", "alerts.state_dir", "alerts.local.address", "alerts.local.port",
    "web.address", "web.port", "web.token_file", "web.proxy_header", "web.proxy_from", "web.hosts", "web.cert_file", "web.key_file",
}  # fmt: skip
"""Keys of docs/config.md that the chart sets, or that a pod cannot have."""


def configured(section: str, meaning: str) -> Piece:
    """The keys of a section of the configuration that may be set as values.

    Parameters
    ----------
    section
        Of docs/config.md.
    meaning
        For a person.
    """
    struct = next(f.type for f in msgspec.structs.fields(config.Config) if f.name == section)
    return {**_object(struct, f"{section}."), "description": meaning, "$comment": ROW}


def _object(struct: Any, prefix: str) -> Piece:
    properties: dict[str, Piece] = {}
    for field in msgspec.structs.fields(struct):
        key = f"{prefix}{field.name}"
        if key in DECIDED:
            continue
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            inner = _object(field.type, f"{key}.")
            if inner["properties"]:
                properties[field.name] = inner
        else:
            piece = msgspec.json.schema(field.type)
            if piece.get("type") == "object":
                piece["$comment"] = FREE
            properties[field.name] = {**piece, "description": config.MEANINGS[key]}
    return {"type": "object", "additionalProperties": False, "properties": properties}
