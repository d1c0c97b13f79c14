r"""A fault: which kind befalls which device, when, how hard; and how far it is on at a time.

    level
      1 |        ______
        |       /      \
      0 |______/        \______
             at_s  ramp  end_s  recovery

A fault whose kind acts in a lead (a job that starts after an idle minute) is on for `lead_s` before `at_s` and
over from then on.
"""

from typing import Literal

import msgspec

LEVELS = 256
"""A level moves in so many steps: the hall's inputs need not be worked out anew at each step of a slow ramp."""


class Fault(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One fault.

    Parameters
    ----------
    kind
        A name in the library (faults/library.py).
    subject
        Id of the guilty device.
    at_s, end_s
        Seconds from the start of the run; without an end it stays.
    pump
        Which pump, 1 or 2 (family pump).
    spare_ratio
        Speed that the other pump reaches, 0 to 1 of its rated speed (`pump-stop`); by severity if None.
    flow_ratio
        Share of the flow that is left (`flow-loss`); by severity if None.
    code, text
        Number and the driver's words (`xid`, and text for the others that send an event).
    severity
        0, first visible, to 1, harmful; amounts between are spread as their logarithm.
    ramp_s, recovery_s, lead_s
        How long it takes to come and to go, and acts before `at_s`; the kind's own if None.
    feed
        Which feed (`feed-loss`).
    hz
        Frequency (`power-oscillation`).
    metric
        Which reading (family sensor); the kind's own if empty.
    """

    kind: str
    subject: str
    at_s: float
    end_s: float | None = None
    pump: Literal[1, 2] = 1
    spare_ratio: float | None = None
    flow_ratio: float | None = None
    code: int = 31
    text: str = ""
    severity: float = 0.7
    ramp_s: float | None = None
    recovery_s: float | None = None
    lead_s: float | None = None
    feed: Literal["a", "b"] = "a"
    hz: float = 0.8
    metric: str = ""

    def level(self, t_s: float) -> float:
        """How far it is on: 0 before its onset, 1 when it is fully there, 0 after its recovery."""
        if self.lead_s:
            return 1.0 if self.at_s - self.lead_s <= t_s < self.at_s else 0.0
        if t_s < self.at_s:
            return 0.0
        upto_s = t_s if self.end_s is None else min(t_s, self.end_s)
        level = min((upto_s - self.at_s) / self.ramp_s, 1.0) if self.ramp_s else 1.0
        if self.end_s is not None and t_s >= self.end_s:
            left_s = (self.recovery_s or 0.0) - (t_s - self.end_s)
            level *= left_s / self.recovery_s if self.recovery_s and left_s > 0 else 0.0
        return round(level * LEVELS) / LEVELS

    @property
    def from_s(self) -> float:
        """From when on it does anything."""
        return self.at_s - (self.lead_s or 0.0)

    @property
    def until_s(self) -> float:
        """When it has done everything; infinite without an end."""
        if self.lead_s:
            return self.at_s
        return float("inf") if self.end_s is None else self.end_s + (self.recovery_s or 0.0)
