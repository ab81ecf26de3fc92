"""The right `why_code`, from what ss(8) says of the server's socket and what the client has done.

Nothing here knows the program: it is the ground truth that the program is judged by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from .socket_facts import SocketFacts

GAPS: Final = (1.2, 2.6)
"""Seconds without an acknowledgement after which a peer has stopped taking: at most the second,
and not before the first. Between them nobody can say."""
MOST: Final = 0.75
"""Share of the looks in which input must wait, for it to wait all the time; and the seconds after
which it may be told that the same input is left unread."""


class Sample(NamedTuple):
    """One look at a connection from outside."""

    t: float
    """Seconds on the monotonic clock."""
    facts: SocketFacts | None
    received: int
    """Bytes of echo that the client has read by then."""
    layout: tuple[tuple[int, int], ...]
    """Frames that the client had begun to send: a whole size, and how many of it in a row."""


def true_codes(samples: Sequence[Sample]) -> set[str]:
    """The code of the last of `samples`; two while the state goes over from one to another."""
    codes = {true_code(samples, gap) for gap in GAPS}
    if "held_by_budget" in codes and _is_left_unread(samples):
        codes.add("server_behind")  # as on a machine that is busy
    return codes


def _is_left_unread(samples: Sequence[Sample]) -> bool:
    """Whether the same input has lately waited for most of a second."""
    since, before = 0.0, -1
    for sample in samples:
        facts = sample.facts
        if facts is None or samples[-1].t - sample.t > GAPS[1]:
            continue
        read = facts.bytes_received - facts.recv_q
        if not facts.recv_q or read != before:
            since, before = sample.t, read
        if sample.t - since > MOST:
            return True
    return False


def true_code(samples: Sequence[Sample], gap: float = GAPS[0]) -> str:
    """The code that describes the last of `samples`; the earlier ones are the time before."""
    last = samples[-1]
    now = last.facts
    if now is None or not now.inode:
        return "closed"
    recent = [sample for sample in samples if last.t - sample.t <= gap]
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
    read = now.bytes_received - now.recv_q
    due = whole_frames(last.layout, read)
    pending = due > now.bytes_acked + now.send_q
    if owes and (pending or not is_brisk):
        if looks[-1].bytes_acked > looks[0].bytes_acked or _reads_on(samples, gap):
            return "reads_slowly"
        return "window_closed" if pending else "not_fetched"
    if sum(facts.recv_q > 0 for facts in looks) >= MOST * len(looks):
        # Waits all the time: read bit by bit, or not at all.
        is_read = read > looks[0].bytes_received - looks[0].recv_q
        return "held_by_budget" if is_read else "server_behind"
    if now.bytes_received == 0:
        return "no_bytes_yet"
    behind = read - due
    if behind == 0:
        return "between_frames"
    return "needs_header" if behind < 4 else "needs_body"


def whole_frames(layout: Sequence[tuple[int, int]], read: int) -> int:
    """Bytes of the frames that are whole in the first `read` bytes."""
    due = 0
    for size, count in layout:
        fitting = min(count, (read - due) // size)
        due += fitting * size
        if fitting < count:
            break
    return due


def is_unanswered(looks: Sequence[SocketFacts]) -> bool:
    """Whether segments are sent again, or probes go out, and nothing has come back."""
    now = looks[-1]
    if now.bytes_acked > looks[0].bytes_acked or not now.timer_tries:
        return False
    # A closed window's probe is unanswered for a round trip only: lastack tells those apart.
    return now.timer == "on" or (now.timer == "persist" and now.lastack > 1000)


def _reads_on(samples: Sequence[Sample], gap: float) -> bool:
    """Whether the client has read lately: with a large receive buffer it acknowledges seldom."""
    last = samples[-1]
    before = [sample for sample in samples if last.t - sample.t >= gap]
    return bool(before) and last.received > before[-1].received
