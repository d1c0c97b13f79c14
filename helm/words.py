"""Words of which the schema of the chart's values is made: each gives a piece of JSON Schema with its meaning.

Every object refuses keys that it does not name. What Kubernetes alone judges (affinity) is marked by `FREE`.
"""

from typing import Any

Piece = dict[str, Any]

ROW, FREE = "one row", "judged by Kubernetes"
"""`$comment` of what the README shows in one row, and of what the schema leaves open."""

PERCENT_OR_COUNT = r"^([1-9][0-9]?|100)%$|^[1-9][0-9]*$"
QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$"
SECRET_NAME = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$"  # noqa: S105  a pattern, no password
DIGEST = r"^(sha256:[0-9a-f]{64})?$"
CIDR = r"^[0-9a-fA-F:.]+/[0-9]{1,3}$"
PORT = {"type": "integer", "minimum": 1, "maximum": 65535}


def text(meaning: str, pattern: str = "", *, filled: bool = False) -> Piece:
    """A string; `filled` refuses the empty one."""
    out: Piece = {"type": "string", "description": meaning}
    if pattern:
        out["pattern"] = pattern
    if filled:
        out["minLength"] = 1
    return out


def choice(meaning: str, *words: str) -> Piece:
    """One of some words."""
    return {"type": "string", "enum": list(words), "description": meaning}


def whole(meaning: str, least: int, most: int) -> Piece:
    """A whole number."""
    return {"type": "integer", "minimum": least, "maximum": most, "description": meaning}


def flag(meaning: str) -> Piece:
    """True or false."""
    return {"type": "boolean", "description": meaning}


def group(meaning: str = "", /, **keys: Piece) -> Piece:
    """An object of these keys and no others."""
    out: Piece = {"type": "object", "additionalProperties": False, "properties": keys}
    return {**out, "description": meaning} if meaning else out


def needing(names: str, piece: Piece) -> Piece:
    """An object that is refused without some of its keys, named with spaces between them."""
    return {**piece, "required": names.split()}


def in_one_row(piece: Piece) -> Piece:
    """An object that the README shows as a whole."""
    return {**piece, "$comment": ROW}


def several(meaning: str, item: Piece) -> Piece:
    """A list."""
    return {"type": "array", "items": item, "description": meaning}


def pairs(meaning: str) -> Piece:
    """Names and strings, as labels are."""
    return {"type": "object", "additionalProperties": {"type": "string"}, "description": meaning}


def secret(meaning: str, **keys: Piece) -> Piece:
    """An existing Secret, and under which key it holds what."""
    return group(meaning, secret=text("name of the Secret", SECRET_NAME), **keys)


def ports(meaning: str) -> Piece:
    """Numbers of ports."""
    return several(meaning, PORT)


def peers(meaning: str) -> Piece:
    """Peers of a NetworkPolicy."""
    requirement = needing("key operator", group(
        key=text("label"), values=several("of it", text("one")),
        operator=choice("how", "In", "NotIn", "Exists", "DoesNotExist"),
    ))  # fmt: skip
    selector = group(
        matchLabels=pairs("all of them"), matchExpressions=several("all of them", requirement)
    )
    block = needing("cidr", group(
        cidr=text("network", CIDR), **{"except": several("but", text("network", CIDR))}
    ))  # fmt: skip
    peer = group(namespaceSelector=selector, podSelector=selector, ipBlock=block)
    return several(meaning, {**peer, "minProperties": 1})


def resources(meaning: str) -> Piece:
    """What a container asks for and may take; both are always given."""
    amounts = needing("cpu memory ephemeral-storage", group(
        cpu={"type": ["string", "number"], "pattern": QUANTITY, "description": "cores"},
        memory=text("bytes", QUANTITY), **{"ephemeral-storage": text("bytes", QUANTITY)},
    ))  # fmt: skip
    both = group(meaning, requests=amounts, limits=amounts)
    return in_one_row(needing("requests limits", both))


def storage(meaning: str) -> Piece:
    """A claim of a disk."""
    return group(
        meaning, size=text("how large", QUANTITY),
        className=text("StorageClass; empty: the cluster's default"),
    )  # fmt: skip


def placing() -> dict[str, Piece]:
    """Where a part's pods go, and what is written on them."""
    toleration = group(
        key=text("taint"), operator=choice("how", "Exists", "Equal"), value=text("of the taint"),
        effect=choice("of the taint", "NoSchedule", "PreferNoSchedule", "NoExecute"),
        tolerationSeconds=whole("how long", 0, 86_400),
    )  # fmt: skip
    kinds = ("nodeAffinity", "podAffinity", "podAntiAffinity")
    sides: dict[str, Piece] = {kind: {"type": "object", "$comment": FREE} for kind in kinds}
    return {
        "nodeSelector": pairs("labels of the nodes that it may run on"),
        "tolerations": several("taints that it may run beside", toleration),
        "affinity": in_one_row(group("as in a pod", **sides)),
        "podAnnotations": pairs("further annotations of its pods"),
        "podLabels": pairs("further labels of its pods"),
    }
