"""Where a device stands, and whether it is below another: from the inventory, or from what ids of ours tell."""

from collections.abc import Mapping

from coldplate.wire.inventory import Device, Inventory

_BY_WORD = {"node": "node", "gpu": "gpu", "cdu": "cdu"}


def above(subject: str, inventory: Inventory | None = None) -> tuple[str, ...]:
    """A device's own id, then the ids of all it stands in.

    Notes
    -----
    An id that the inventory lacks (a sensor of a node) stands in what its id begins with.

    Examples
    --------
    >>> above("rack-0003/node-5/gpu-2")
    ('rack-0003/node-5/gpu-2', 'rack-0003/node-5', 'rack-0003')
    """
    out = [subject]
    device = _device(subject, inventory)
    if device is None:
        head = subject.rpartition("/")[0]
        return (subject, *above(head, inventory)) if head else (subject,)
    while device is not None:
        parent = device.parent
        if not parent:
            # A rack may stand in a row without naming it as its parent.
            out += [p for p in (device.row, device.hall) if p and p not in out]
        elif parent not in out:
            out.append(parent)
        top, device = device, _device(parent, inventory)
        if device is None:
            out += [p for p in (top.row, top.hall) if p and p not in out]
    return tuple(out)


def below(subject: str, place: str, inventory: Inventory | None = None) -> bool:
    """Whether a device is a place, or stands in it.

    Examples
    --------
    >>> below("rack-0003/node-5", "rack-0003"), below("rack-00031", "rack-0003")
    (True, False)
    """
    return place in above(subject, inventory)


def places(subject: str, rack: str = "", inventory: Inventory | None = None) -> Mapping[str, str]:
    """Ids of the hall, row, rack, node, gpu and cdu that a device is or stands in; what is not known is absent.

    Parameters
    ----------
    subject
        Its id.
    rack
        That of its rack as the incident says it; for what stands above racks, its own.
    """
    out: dict[str, str] = {}
    for name in above(subject, inventory):
        device = _device(name, inventory)
        kind = device.kind if device is not None else _kind(name, rack)
        if kind:
            out.setdefault(kind, name)
        if device is not None:
            for word, value in (("row", device.row), ("hall", device.hall)):
                if value and device.kind != "hall":
                    out.setdefault(word, value)
    return out


def _device(name: str, inventory: Inventory | None) -> Device | None:
    return None if inventory is None else inventory.devices.get(name)


def _kind(name: str, rack: str) -> str:
    """What an id says by itself."""
    head, _, tail = name.rpartition("/")
    word = tail.partition("-")[0]
    if head:
        return _BY_WORD.get(word, "")
    if word in ("row", "hall"):
        return word
    return "rack" if word == "rack" or name == rack else ""
