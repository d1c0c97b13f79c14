"""What a Redfish service does wrong, in words for people and with a reason for counters."""

from typing import Literal

Reason = Literal[
    "address", "connect", "certificate", "timeout", "closed", "protocol", "too_large", "redirect", "link",
    "login", "busy", "status", "json", "not_found",
]  # fmt: skip

RESTING = frozenset({"address", "connect", "certificate", "timeout", "closed", "login", "busy"})
"""Reasons that lie with the service as a whole: it is left alone for a while. Others lie with one resource."""


class RedfishError(RuntimeError):
    """A request that brought nothing.

    Parameters
    ----------
    reason
        Under which it is counted.
    text
        The address, what happened and what to do; never a secret.
    rest_s
        How long the service asked to be left alone; None when it did not say.
    """

    def __init__(self, reason: Reason, text: str, rest_s: float | None = None) -> None:
        super().__init__(text)
        self.reason: Reason = reason
        self.rest_s = rest_s

    @property
    def resting(self) -> bool:
        """Whether the whole service should be left alone for a while."""
        return self.reason in RESTING
