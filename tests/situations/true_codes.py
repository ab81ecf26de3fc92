"""The right `why_code`, from what ss(8) says of the server's socket and what the client has done.

Nothing here knows the program: it is the ground truth that the program is judged by.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from .socket_facts import SocketFacts

GAP: Final = 1.5
"""Seconds without an acknowledgement after which a peer has stopped taking."""


class Sample(NamedTuple):
    """One look at a connection from outside."""

    t: float
    """Seconds on the monotonic clock."""
    facts: SocketFacts | None
    received: int
    """Bytes of echo that the client has read by then."""
    layout: tuple[int, ...]
    """Whole sizes of the frames that the client had begun to send."""


def true_code(samples: Sequence[Sample]) -> str:
    """The code that describes the last of `samples`; the earlier ones are the time before."""
    last = samples[-1]
    now = last.facts
    if now is None:
        return "closed"
    recent = [sample for sample in samples if last.t - sample.t <= GAP]
    if len(recent) < 2:
        recent = list(samples[-2:])
    looks = [sample.facts for sample in recent if sample.facts is not None]
    # Brisk traffic: what was written a moment ago is acknowledged, and there is more already.
    is_brisk = len(looks) > 1 and now.bytes_acked >= looks[0].bytes_acked + looks[0].send_q
    owes = all(facts.send_q > 1 for facts in looks)
    if now.state in {"FIN-WAIT-1", "CLOSING", "LAST-ACK"}:
        return "draining_unacknowledged" if now.send_q > 1 else "draining_peer"
    if now.state == "FIN-WAIT-2":
        return "draining_peer"
    if owes and is_unanswered(looks):
        return "does_not_answer"
    whole = [0, *accumulate(last.layout)]
    read = now.bytes_received - now.recv_q
    due = max(end for end in whole if end <= read)
    pending = due > now.bytes_acked + now.send_q
    if owes and (pending or not is_brisk):
        if looks[-1].bytes_acked > looks[0].bytes_acked or _reads_on(samples):
            return "reads_slowly"
        return "window_closed" if pending else "not_fetched"
    if all(facts.recv_q > 0 for facts in looks) and not pending:
        return "server_behind"
    if now.bytes_received == 0:
        return "no_bytes_yet"
    behind = read - due
    if behind == 0:
        return "between_frames"
    return "needs_header" if behind < 4 else "needs_body"


def is_unanswered(looks: Sequence[SocketFacts]) -> bool:
    """Whether segments are sent again, or probes go out, and nothing has come back."""
    now = looks[-1]
    if now.bytes_acked > looks[0].bytes_acked or not now.timer_tries:
        return False
    # A closed window's probe is unanswered for a round trip only: lastack tells those apart.
    return now.timer == "on" or (now.timer == "persist" and now.lastack > 1000)


def _reads_on(samples: Sequence[Sample]) -> bool:
    """Whether the client has read lately: with a large receive buffer it acknowledges seldom."""
    last = samples[-1]
    before = [sample for sample in samples if last.t - sample.t >= GAP]
    return bool(before) and last.received > before[-1].received
