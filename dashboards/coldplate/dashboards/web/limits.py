"""Bounds of the live hall's server: whatever comes from outside has one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Waits:
    """How long is waited before somebody is given up.

    Parameters
    ----------
    head_s
        From connecting to a first whole request; over TLS the handshake may take as long before that.
    untaken_s
        For more of an answer to be taken.
    stuck_s
        For a viewer to take anything.
    answer_s
        For a call of `Answers` or `Hall`, waiting included; its thread is not counted free before the call has ended.
    now_s
        For a picture, before viewers are told that none comes.
    recheck_s
        Between looks whether a viewer may still look, and whether the certificate has changed.
    second_s
        Between pictures.
    close_s
        At the end: for calls that run, and then for what was handed in to let go.
    """

    head_s: float = 10.0
    untaken_s: float = 45.0
    stuck_s: float = 30.0
    answer_s: float = 15.0
    now_s: float = 5.0
    recheck_s: float = 10.0
    second_s: float = 1.0
    close_s: float = 5.0


WAITS = Waits()

KEEPALIVE_S = 15.0
"""That a connection is kept between requests, and that a later request may take to become whole."""

LINGERING_S = 2.0
"""That the rest of a refused request's body is read for."""

BODY_S = 10.0
"""For the body of a form to arrive."""

BODY_BYTES_MAX = 4096
ID_CHARACTERS_MAX = 300

ANSWERS, ANSWERS_WAITING_MAX = 4, 32
"""Threads for `/api`, and calls that may wait for one."""

FRESH_S = 5.0
"""Age up to which floor and span are not asked for again."""

MESSAGE_BYTES_MAX = 1024
MESSAGES_PER_S = 20
MESSAGES_PER_S_CUT = 200
"""More than the first are left unread, and said so once a second; more than the second end the connection."""

CLOSING_S = 2.0
"""For a viewer to answer a closing."""

SPEEDS = (1, 10, 60, 600)
"""Of a replay: past seconds a wall second."""

STALE_S = 15.0
"""Age from which a page says that what it shows is old."""

STEPS_MAX = 2000
SPAN_S_MAX = 400 * 86_400
"""Of a query."""

INCIDENTS_MAX = 1000
STEP_MS_MAX = 86_400_000

STUCK_CODE = 4408
ENDED_CODE = 4401
"""WebSocket's closing codes for a viewer that took nothing, and for one that may no longer look."""
