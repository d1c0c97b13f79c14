"""An incident's labels: what routes, groups and silences see of it."""

from collections.abc import Mapping

from coldplate.sinks.webhooks.place import places
from coldplate.wire.fault import family_of
from coldplate.wire.incident import Incident
from coldplate.wire.inventory import Inventory

NAMES = (
    "cluster", "kind", "family", "severity", "hall", "row", "rack", "node", "gpu", "cdu", "job",
)  # fmt: skip
"""All there are."""


def labels_of(incident: Incident, inventory: Inventory | None = None) -> Mapping[str, str]:
    """Labels by name, in the order of `NAMES`; what is not known is absent.

    Notes
    -----
    `job` stands where the evidence names one job, by its number.
    """
    found = {
        "cluster": incident.cluster, "kind": incident.kind, "family": family_of(incident.kind),
        "severity": incident.severity.value, **places(incident.subject, incident.rack, inventory),
    }  # fmt: skip
    jobs = {e.value for e in incident.evidence if e.metric == "job" and e.value is not None}
    if len(jobs) == 1:
        found["job"] = f"{jobs.pop():.0f}"
    return {name: found[name] for name in NAMES if found.get(name)}
