"""How sure a cause is: by how many detectors, of how many readings, on how many devices say so."""

from coldplate.sinks.webhooks.telling.evidence import FORECAST
from coldplate.sinks.webhooks.telling.plain import clean
from coldplate.wire.incident import Incident

CONSEQUENCES = ("margin", "thermal-slowdown")
"""Detectors that see what a cause does to GPUs; they do not say what the cause is."""

TOLD = ("xid-", "silence", "gpu-lost-event", "needs-reset", "leak-contact", "power-brake-event")
"""What detectors begin with that pass on what a device or the broker says itself: no number is weighed."""

NAMES_MAX = 4


def sure_of(incident: Incident, confirms: str) -> str:
    """How sure, why, and what would make it surer."""
    measured = [e for e in incident.evidence if e.detector != FORECAST]
    told = [e for e in measured if e.detector not in CONSEQUENCES]
    detectors = list(dict.fromkeys(clean(e.detector, 40) for e in told))
    readings = len({e.metric for e in told})
    names = ", ".join(detectors[:NAMES_MAX])
    if len(detectors) > NAMES_MAX:
        names += f" and {len(detectors) - NAMES_MAX} more"
    if incident.kind == "unknown":
        said = (
            f"The cause is not known; what was seen is ({names})"
            if names
            else "The cause is not known"
        )
    elif not detectors:
        said = "Only consequences were seen, not the cause"
    elif len(detectors) >= 3 and readings >= 2:
        said = f"Sure: {len(detectors)} detectors agree over {readings} readings ({names})"
    elif len(detectors) == 2:
        said = f"Fairly sure: 2 detectors agree ({names})"
    elif len(detectors) > 2:
        said = f"Fairly sure: {len(detectors)} detectors agree, all on one reading ({names})"
    elif told[0].detector.startswith(TOLD):
        said = f"Told, not inferred ({names})"
    elif len({e.subject for e in told}) > 1:
        said = f"Fairly sure: one detector ({names}) on {len({e.subject for e in told}):,} devices"
    else:
        said = f"One detector only ({names}): look before you act"
    return f"{said}. {confirms}".strip()
