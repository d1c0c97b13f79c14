"""The topics: names, keys, and how the deployer makes them.

Topics are made by `coldplate topics create` or by the deployer, never at run time. No compaction on
what workers read: a restart needs the tail as it was.
"""

from dataclasses import dataclass

PREFIX = "coldplate"


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic as it must be made.

    Parameters
    ----------
    name
        With prefix.
    partitions
        More than the workers that will ever share it; a key keeps its partition only while this stays.
    retention_ms
        How long records stay.
    key
        What the records' key is.
    holds
        One line for documentation.
    """

    name: str
    partitions: int
    retention_ms: int
    key: str
    holds: str


@dataclass(frozen=True, slots=True)
class Topics:
    """Names of the topics under a prefix."""

    prefix: str = PREFIX

    @property
    def frames(self) -> str:
        """Samples."""
        return f"{self.prefix}.frames"

    @property
    def events(self) -> str:
        """Urgent facts."""
        return f"{self.prefix}.events"

    @property
    def racks(self) -> str:
        """Per-rack aggregates."""
        return f"{self.prefix}.racks"

    @property
    def anomalies(self) -> str:
        """Detectors that fired."""
        return f"{self.prefix}.anomalies"

    @property
    def findings(self) -> str:
        """Episodes as single workers see them, where a cluster detector makes incidents of them."""
        return f"{self.prefix}.findings"

    @property
    def incidents(self) -> str:
        """Episodes."""
        return f"{self.prefix}.incidents"

    @property
    def actions(self) -> str:
        """What people and the alerter did about incidents."""
        return f"{self.prefix}.actions"

    @property
    def rejects(self) -> str:
        """Refused records."""
        return f"{self.prefix}.rejects"

    @property
    def baselines(self) -> str:
        """What detectors have learnt."""
        return f"{self.prefix}.baselines"

    @property
    def plant(self) -> str:
        """Which agent reads a plant's devices."""
        return f"{self.prefix}.plant"

    def specs(self, partitions: int = 8) -> tuple[TopicSpec, ...]:
        """All topics, `partitions` for those that are keyed by rack."""
        hour = 3_600_000
        return (
            TopicSpec(self.frames, partitions, 24 * hour, "rack", "frames of agents and plant"),
            TopicSpec(self.events, partitions, 168 * hour, "rack", "urgent facts"),
            TopicSpec(self.racks, 1, 24 * hour, "rack", "aggregates for cluster-wide detectors"),
            TopicSpec(self.anomalies, partitions, 168 * hour, "rack", "detectors that fired"),
            TopicSpec(
                self.findings, 1, 168 * hour, "incident id", "episodes as single workers see them"
            ),
            TopicSpec(self.incidents, 1, 720 * hour, "incident id", "every change of an incident"),
            TopicSpec(self.actions, 1, 720 * hour, "incident id", "what was done about incidents"),
            TopicSpec(self.rejects, 1, 168 * hour, "none", "refused records with their reason"),
            TopicSpec(self.baselines, partitions, 24 * hour, "rack", "what detectors have learnt"),
            TopicSpec(self.plant, 1, 168 * hour, "plant", "which agent reads a plant's devices"),
        )


def rack_key(rack: str) -> bytes:
    """The record key that brings a rack's nodes and its CDU into one partition."""
    return rack.encode()
