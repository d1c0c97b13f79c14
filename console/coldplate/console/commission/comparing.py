"""Before and after: two certificates of a rack side by side, as after a service.

Both hold what was measured by the same steps, so that what differs is what the service did, within how sure each is: two
readings of R differ by some 1 % when nothing was done.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from coldplate.console.failure import BAD_INPUT, Failure

Told = Mapping[str, Any]
Pair = dict[str, float | None]


def compare(before: Told, after: Told) -> dict[str, Any]:
    """What two certificates' bodies say, side by side.

    Returns
    -------
    compared
        `unit`: by figure `before`, `after` and their `difference` (None where one was not measured); `gpus` and `nodes`
        likewise by id; `changed`: GPUs that are `released` or newly `held`, and steps with another result.

    Raises
    ------
    Failure
        They are of different racks.
    """
    if before["rack"] != after["rack"]:
        raise Failure(f"one certificate is of {before['rack']}, the other of {after['rack']}", BAD_INPUT)  # fmt: skip
    first, last = before["baseline"], after["baseline"]
    heads = [b.get("head_of_curve_ratio") or (None, None) for b in (first, last)]
    return {
        "rack": after["rack"],
        "before": _head(before), "after": _head(after), "changed": _changed(before, after),
        "unit": {
            **{n: _pair(first.get(n), last.get(n)) for n in ("median_k_per_w", "approach_k", "filter_kpa", "of_clean_ratio")},
            **{f"pump{n + 1}_head_of_curve_ratio": _pair(heads[0][n], heads[1][n]) for n in (0, 1)},
        },
        "nodes": _by_id(before, after, "nodes", {"flow_lpm": "node_flow_lpm", "share_ratio": "share_ratio"}),
        "gpus": _by_id(before, after, "gpus", {"r_k_per_w": "r_k_per_w"}),
    }  # fmt: skip


def lines(compared: Told) -> list[tuple[str, str, float | None, float | None, float | None]]:
    """What, of which device, before, after and difference: the unit's, the nodes', then the GPUs' by how much they changed."""
    out = [("", name, *_three(pair)) for name, pair in compared["unit"].items()]
    out += [(i, name, *_three(p)) for i, of in compared["nodes"].items() for name, p in of.items()]
    gpus = [(i, name, *_three(p)) for i, of in compared["gpus"].items() for name, p in of.items()]
    return [*out, *sorted(gpus, key=lambda line: -abs(line[4] or 0.0))]


def in_words(compared: Told) -> list[str]:
    """What changed in the verdict, a sentence each; one that nothing did."""
    changed, first, last = compared["changed"], compared["before"], compared["after"]
    said = []
    if first["verdict"] != last["verdict"]:
        said.append(f"{first['verdict']} before, {last['verdict']} now")
    for word, ids in (("released", changed["released"]), ("newly held back", changed["held"])):
        if ids:
            more = f" and {len(ids) - 8} more" if len(ids) > 8 else ""
            said.append(f"{word}: {', '.join(ids[:8])}{more}")
    said += [f"step {n}: {was} before, {now} now" for n, (was, now) in changed["steps"].items()]
    return said or ["nothing changed in the verdict"]


def _head(told: Told) -> dict[str, Any]:
    return {k: told[k] for k in ("verdict", "ended_at", "made_by")} | {"held": len(told["held"])}


def _changed(before: Told, after: Told) -> dict[str, Any]:
    was, now = set(before["held"]), set(after["held"])
    results = [{s["name"]: s["result"] for s in told["steps"]} for told in (before, after)]
    return {
        "released": sorted(was - now), "held": sorted(now - was),
        "steps": {n: (results[0].get(n), r) for n, r in results[1].items() if results[0].get(n) != r},
    }  # fmt: skip


def _by_id(before: Told, after: Told, ids: str, names: Mapping[str, str]) -> dict[str, dict[str, Pair]]:  # fmt: skip
    """Devices of either, in the order of the newer."""
    of = {name: [_of(told, ids, key) for told in (before, after)] for name, key in names.items()}
    return {
        i: {name: _pair(was(i), now(i)) for name, (was, now) in of.items()}
        for i in dict.fromkeys((*after[ids], *before[ids]))
    }


def _of(told: Told, ids: str, key: str) -> Callable[[str], float | None]:
    values: Sequence[float | None] = told["baseline"].get(key) or ()
    return dict(zip(told[ids], values, strict=False)).get


def _pair(was: float | None, now: float | None) -> Pair:
    difference = None if was is None or now is None else round(now - was, 6)
    return {"before": was, "after": now, "difference": difference}


def _three(pair: Pair) -> tuple[float | None, float | None, float | None]:
    return pair["before"], pair["after"], pair["difference"]
