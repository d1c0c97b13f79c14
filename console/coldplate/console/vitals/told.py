"""What each part tells on `/metrics`: one line a count, from the counts that it writes once a second anyway."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Told:
    """One family of `/metrics`.

    Parameters
    ----------
    key
        In the part's counts; a dictionary there is told by its keys.
    name
        Of the family, with its unit.
    kind
        As Prometheus has it.
    help
        One line.
    label
        Of the keys of a dictionary.
    """

    key: str
    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    label: str = ""


WORKER = (
    Told("frames", "coldplate_worker_frames_total", "counter", "Frames taken"),
    Told("values", "coldplate_worker_values_total", "counter", "Values in them"),
    Told("late_ticks", "coldplate_worker_late_ticks_total", "counter", "Ticks that came too late to be judged"),
    Told("rejected", "coldplate_worker_rejected_total", "counter", "Records not taken, by reason", "reason"),
    Told("behind_records", "coldplate_worker_behind_records", "gauge", "Records of its partitions that it has not read"),
    Told("partitions", "coldplate_worker_partitions", "gauge", "Partitions of the frames that it reads"),
    Told("delay", "coldplate_worker_frame_delay_seconds", "histogram", "From a frame's arrival in Kafka until what it says is in Kafka"),
    Told("unknown_devices", "coldplate_worker_unknown_devices", "gauge", "Devices that the inventory does not have"),
    Told("open_incidents", "coldplate_worker_open_incidents", "gauge", "Incidents that are open"),
    Told("state_bytes", "coldplate_worker_state_bytes", "gauge", "What detection remembers"),
    Told("baselines_kept", "coldplate_worker_baselines_kept_total", "counter", "Records of what was learnt"),
    Told("baselines_recalled", "coldplate_worker_baselines_recalled_total", "counter", "Racks whose baselines were taken over"),
)  # fmt: skip
CLUSTER = (
    Told("findings", "coldplate_cluster_detector_findings_total", "counter", "Records of workers taken"),
    Told("repeated", "coldplate_cluster_detector_repeated_total", "counter", "Records of workers that had been told already"),
    Told("joined", "coldplate_cluster_detector_joined_total", "counter", "Findings that became part of another's incident"),
    Told("rejected", "coldplate_cluster_detector_rejected_total", "counter", "Records not understood, by reason", "reason"),
    Told("open_incidents", "coldplate_cluster_detector_open_incidents", "gauge", "Incidents that are open"),
    Told("sums", "coldplate_cluster_detector_ticks_total", "counter", "Ticks in which the racks were added up"),
    Told("workers", "coldplate_cluster_detector_workers", "gauge", "Workers that told of their racks lately"),
    Told("at_work", "coldplate_cluster_detector_at_work", "gauge", "1 where it is at work, 0 where it stands by"),
    Told("delay", "coldplate_cluster_detector_finding_delay_seconds", "histogram", "From a finding's arrival in Kafka until its incident is in Kafka"),
)  # fmt: skip
SINK = (
    Told("frames", "coldplate_sink_frames_total", "counter", "Frames stored"),
    Told("values", "coldplate_sink_values_total", "counter", "Values in them"),
    Told("rows", "coldplate_sink_rows_total", "counter", "Rows stored, by table", "table"),
    Told("duplicates", "coldplate_sink_duplicates_total", "counter", "Frames that were in the history already"),
    Told("rejected", "coldplate_sink_rejected_total", "counter", "Records not stored, by reason", "reason"),
    Told("batches", "coldplate_sink_batches_total", "counter", "Batches stored"),
    Told("redone", "coldplate_sink_batches_redone_total", "counter", "Batches of an earlier run that were stored again"),
    Told("retries", "coldplate_sink_retries_total", "counter", "Inserts that had to be tried again"),
    Told("delay", "coldplate_sink_record_delay_seconds", "histogram", "From a batch's newest record in Kafka until it is stored"),
    Told("lag_records", "coldplate_sink_behind_records", "gauge", "Records that Kafka has and the history has not"),
    Told("lag_oldest_s", "coldplate_sink_behind_oldest_seconds", "gauge", "Age of the oldest of them"),
    Told("retention_left_s", "coldplate_sink_retention_left_seconds", "gauge", "Until Kafka forgets it"),
    Told("later_rows", "coldplate_sink_later_rows", "gauge", "Samples that are stored and wait for their rollups"),
    Told("ledger_missing", "coldplate_sink_ledger_missing_frames", "gauge", "Frames that agents numbered lately and nobody has"),
    Told("ledger_dropped", "coldplate_sink_ledger_dropped_frames", "gauge", "Those of them that agents say they dropped"),
    Told("partitions", "coldplate_sink_partitions", "gauge", "Partitions that it reads"),
)  # fmt: skip
ALERTER = (
    Told("incidents", "coldplate_alerter_incidents_total", "counter", "Records of incidents read"),
    Told("actions", "coldplate_alerter_actions_total", "counter", "Records of what people did"),
    Told("rejected", "coldplate_alerter_rejected_total", "counter", "Records not understood, by reason", "reason"),
    Told("turns", "coldplate_alerter_turns_total", "counter", "Decisions written down"),
    Told("beats", "coldplate_alerter_heartbeats_total", "counter", "Heartbeats given to be sent"),
    Told("beats_missed", "coldplate_alerter_heartbeats_missed_total", "counter", "Heartbeats withheld because frames stand still"),
    Told("sent", "coldplate_alerter_taken_total", "counter", "Messages that receivers took"),
    Told("waiting", "coldplate_alerter_waiting_messages", "gauge", "Messages that wait, by receiver", "receiver"),
    Told("failed", "coldplate_alerter_failed_total", "counter", "Attempts that failed, by receiver", "receiver"),
    Told("dead", "coldplate_alerter_dead_messages", "gauge", "Messages given up that nobody sent again, by receiver", "receiver"),
)  # fmt: skip

PARTS = {"worker": WORKER, "cluster-detector": CLUSTER, "sink": SINK, "alerter": ALERTER}
