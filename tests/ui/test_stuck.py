"""Why a connection waits, case by case."""

import pytest

from app.events import Reason, Snapshot, State
from app.ui.stuck import why_in_brief, why_waiting
from screenshots.scenes import NOW, snapshot

WRITE = State.WRITE_BODY
CASES = [
    (None, "accepted, nothing received yet", "nothing received yet"),
    (snapshot(1, quiet=0.2), "no frame yet", "no frame yet"),
    (snapshot(1, quiet=12), "no frame yet for 12 s", "no frame yet"),
    (snapshot(1, frames=3, quiet=0.2), "between frames", "between frames"),
    (snapshot(1, frames=3, quiet=90), "idle between frames for 1 min 30 s", "idle between frames"),
    (
        snapshot(1, header=b"\0\0", quiet=0.3),
        "waiting for 2 more header bytes",
        "needs 2 more header bytes",
    ),
    (
        snapshot(1, header=b"\0\0\1", quiet=5),
        "waiting for 1 more header byte, none for 5 s",
        "needs 1 more header byte",
    ),
    (
        snapshot(1, State.READ_BODY, body=(4_096, 65_536), quiet=8),
        "waiting for 61,440 body bytes, none for 8 s",
        "needs 61,440 body bytes",
    ),
    (
        snapshot(1, State.READ_BODY, body=(8, 9), quiet=0),
        "waiting for 1 body byte",
        "needs 1 body byte",
    ),
    (
        snapshot(1, WRITE, out=(0, 312 * 1024), quiet=4, armed_for=4),
        "peer is not reading: 312 KiB pending, POLLOUT armed for 4 s",
        "peer is not reading",
    ),
    (
        snapshot(1, WRITE, out=(0, 900), quiet=0.1, armed_for=0.2),
        "peer reads slowly: 900 B pending, POLLOUT armed",
        "peer reads slowly",
    ),
    (snapshot(1, WRITE, out=(9, 9)), "echo sent", "echo sent"),
    (
        snapshot(1, State.DRAINING, closing=Reason.EOF, quiet=3),
        "draining: eof, waiting for the peer to end too",
        "draining: eof",
    ),
    (
        snapshot(1, State.DRAINING, closing=Reason.KILLED, out=(0, 2048), quiet=3),
        "draining: killed, 2 KiB of echo still to send, none for 3 s",
        "draining: killed",
    ),
    (snapshot(1, State.CLOSED), "closed", "closed"),
]


@pytest.mark.parametrize(("seen", "words", "brief"), CASES)
def test_why(seen: Snapshot | None, words: str, brief: str) -> None:
    assert why_waiting(seen, NOW) == words
    assert why_in_brief(seen, NOW) == brief
