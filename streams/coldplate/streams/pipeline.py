"""What a worker does with a batch of records, without Kafka: decode, admit, judge, correlate.

Anything that is wrong with a record ends here, counted by reason; the records around it go on.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from coldplate.streams.correlate import Correlator
from coldplate.streams.engine import Engine
from coldplate.streams.keeping import Keeping
from coldplate.streams.listing import Listing
from coldplate.streams.parameters import Parameters
from coldplate.streams.silence import SILENCE, Silence
from coldplate.streams.skew import SKEW, Skew
from coldplate.wire.admission import admit, admit_event
from coldplate.wire.codec import decode
from coldplate.wire.delays import Delays
from coldplate.wire.errors import WireError
from coldplate.wire.event import Event
from coldplate.wire.frame import Frame, decode_frame
from coldplate.wire.incident import Anomaly, Incident, State
from coldplate.wire.inventory import Inventory
from coldplate.wire.reject import Reject, reject_of
from coldplate.wire.signature import Seals


@dataclass(frozen=True, slots=True)
class Record:
    """A Kafka record as the pipeline sees it; `signature` is what its source wrote beside it."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    value: bytes
    signature: bytes = b""


@dataclass(slots=True)
class Effects:
    """What has to be in Kafka before the batch's offsets are committed."""

    anomalies: list[Anomaly] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


class Pipeline:
    """Detection and correlation over the records of a worker's partitions.

    Parameters
    ----------
    cluster
        Whose records are taken.
    inventory
        Known devices; None takes all comers.
    parameters
        Of the detectors; default: their own.
    seals
        Tell whether a record is its source's own; None believes all.
    """

    def __init__(
        self,
        cluster: str,
        inventory: Inventory | None = None,
        parameters: Parameters | None = None,
        seals: Seals | None = None,
    ) -> None:
        self.cluster, self._seals = cluster, seals
        parameters = parameters or Parameters()
        self.engine = Engine(cluster, inventory, parameters.detectors, parameters.overrides)
        self.keeping = Keeping(self.engine)
        self.correlator = Correlator(self.engine)
        self.silence = Silence(cluster, inventory)
        self.skew = Skew(cluster)
        self.listing = Listing(cluster, inventory)
        self.rejected: Counter[str] = Counter()
        self.delays = Delays()
        self._held: dict[tuple[str, str], Anomaly] = {}

    def frames(self, records: Iterable[Record], now_ms: int) -> Effects:
        """Take a batch of the frames topic."""
        out = Effects()
        out.anomalies = self._judge(records, now_ms, out)
        out.anomalies += self.skew.look(now_ms) + self.listing.look(now_ms)
        out.incidents = self.correlator.update(out.anomalies)
        return out

    def warm(self, records: Iterable[Record], now_ms: int) -> None:
        """Take frames whose effects are in Kafka already: they only tell how things were."""
        for anomaly in self._judge(records, now_ms, Effects()):
            key = (anomaly.subject, anomaly.detector)
            if anomaly.on:
                self._held[key] = anomaly
            else:
                self._held.pop(key, None)

    def take_over(self, incidents: Iterable[Incident]) -> None:
        """Go on with incidents of the worker before us, after `warm`: the last record of each.

        What was found in the warm frames and holds still belongs to them.
        """
        for incident in incidents:
            if incident.cluster != self.cluster or incident.state is not State.OPEN:
                continue
            self.correlator.restore([incident])
            for e in incident.evidence:
                if e.detector == SILENCE:
                    self.silence.take_over(e.subject, incident.kind, incident.rack)
                elif e.detector == SKEW:
                    self.skew.take_over(e.subject, incident.rack)
        self.correlator.hold(self._held.values())
        self._held.clear()
        self.rejected.clear()

    def _judge(self, records: Iterable[Record], now_ms: int, out: Effects) -> list[Anomaly]:
        for record in records:
            try:
                frame = self._by_the_brokers_clock(decode_frame(record.value), record)
                self.engine.write(frame)
                self.keeping.meet(frame)
            except WireError as error:
                out.rejects.append(self._reject(error, record))
                continue
            self.silence.heard(frame.head, record.partition, record.timestamp_ms)
            self.listing.heard(frame.head, record.timestamp_ms)
        return self.engine.step(now_ms)

    def _by_the_brokers_clock(self, frame: Frame, record: Record) -> Frame:
        """A frame that is admitted, at ticks that are not ahead of the others': else its rack would wait for it."""
        head = frame.head
        if self._seals is not None:
            self._seals.check(head.source, record.value, record.signature)
        ahead = 0
        if head.cluster == self.cluster:
            ahead = self.skew.heard(head, record.partition, record.timestamp_ms)
        admit(head, record.timestamp_ms, self.cluster)
        return replace(frame, head=replace(head, tick=head.tick - ahead)) if ahead else frame

    def events(self, records: Iterable[Record]) -> Effects:
        """Take records of the events topic."""
        out = Effects()
        for record in records:
            try:
                event = decode(Event, record.value)
                if self._seals is not None:
                    self._seals.check(event.source, record.value, record.signature)
                admit_event(event, record.timestamp_ms, self.cluster)
            except WireError as error:
                out.rejects.append(self._reject(error, record))
                continue
            out.incidents += self.correlator.event(event)
        return out

    def passing_time(self, now_ms: int) -> Effects:
        """Look who fell silent and what is over; call it about once a second."""
        anomalies = self.silence.look(now_ms)
        return Effects(anomalies, self.correlator.update(anomalies))

    def _reject(self, error: WireError, record: Record) -> Reject:
        self.rejected[error.reason.value] += 1
        return reject_of(
            error, record.value, topic=record.topic, partition=record.partition,
            offset=record.offset, by="worker",
        )  # fmt: skip
