"""Documents as a service gives them, looked into without trusting their shape."""

import re
from typing import Any

from coldplate.agents.redfish.errors import RedfishError

Doc = dict[str, Any]

PATH_MAX, WORDS_MAX = 1000, 200

_PATH = re.compile(r"/redfish/[\x21-\x7e]*", re.ASCII)


def part(doc: object, name: str) -> Doc:
    """An object within an object; an empty one when it is not there or something else."""
    inner = doc.get(name) if isinstance(doc, dict) else None
    return inner if isinstance(inner, dict) else {}


def items(doc: object, name: str) -> list[Doc]:
    """The objects of an array within an object."""
    inner = doc.get(name) if isinstance(doc, dict) else None
    return [i for i in inner if isinstance(i, dict)] if isinstance(inner, list) else []


def link_of(doc: object, name: str = "") -> str:
    """The path that a document, or a part of it, links to; "" when there is none or it leads elsewhere."""
    path = (part(doc, name) if name else doc if isinstance(doc, dict) else {}).get("@odata.id")
    try:
        return safe_path(path) if path else ""
    except RedfishError:
        return ""


def safe_path(path: object) -> str:
    """A path of the service itself.

    Raises
    ------
    RedfishError
        When it is none: what a service names may lead anywhere.
    """
    if not isinstance(path, str) or not is_path(path):
        raise RedfishError("link", "it links to something that is no path of its own")
    return path


def words(value: object) -> str:
    """Text as people read it, bounded; "" for anything else."""
    return value[:WORDS_MAX] if isinstance(value, str) else ""


def id_of(doc: Doc) -> str:
    """A resource's id: its own word, or the end of its path."""
    return words(doc.get("Id")) or link_of(doc).rpartition("/")[2]


def is_path(path: str) -> bool:
    """Whether it is a path below `/redfish/`, of printable characters and bounded."""
    return len(path) <= PATH_MAX and _PATH.fullmatch(path) is not None
