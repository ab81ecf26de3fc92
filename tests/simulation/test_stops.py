"""Stops at times that a test chooses, in a simulated kernel."""

from __future__ import annotations

from math import inf

import pytest

from app.core.events import Reason
from app.core.framing import frame
from app.core.settings import Settings
from app.server.closing import LINGER

from .peers import EVERYTHING, Peer, frame_ends
from .sockets import Socket
from .world import World

GRACE = 5.0
BEGUN = 1.0
"""When the first stop is asked for, in seconds after the start."""


class Scripted(World):
    """A world with one peer, whose bytes come when a test says."""

    def __init__(self, peer: Peer, script: dict[float, str]) -> None:
        """`script` has what happens, by its time in seconds after the start."""
        super().__init__(1)
        self._settings = Settings(
            grace=GRACE, header_timeout=0, body_timeout=0, write_timeout=0, idle_timeout=0
        )
        self._ceiling = inf
        self.ending_at = inf
        """When the peer's connection began to end, in seconds after the first stop."""
        self._peer = peer
        self._began = self.kernel.now
        self._script = sorted(script.items())
        peer.sock.kernel, peer.sock.number = self.kernel, 1
        self._peers.append(peer)
        listener = self.kernel.listeners[0]
        listener.queue.append(peer.sock)
        self.kernel.poller.changed(listener.fd)

    def _act_at_random(self) -> float:
        since = self.kernel.now - self._began
        while self._script and self._script[0][0] <= since:
            _, act = self._script.pop(0)
            if act == "stop":
                self._begin_stop()
            elif act == "send":
                self._peer.send(EVERYTHING)
        if any(one.machine.closing for one in self.server._loop.life.by_id.values()):
            self.ending_at = min(self.ending_at, since - BEGUN)
        return self._script[0][0] - since if self._script else 0.1

    def _begin_stop(self) -> None:
        self.judge.stop_asked = True
        self.server.stop("test")

    def end_of(self) -> tuple[float, str]:
        """Run it; return when the peer's connection ended, after the first stop, and the detail."""
        self.run()
        (closed,) = self.judge.closed.values()
        assert closed.reason is Reason.SHUTDOWN
        return self._peer.sock.closed_at - self._began - BEGUN, closed.detail


def peer_of(body: int, send_room: int) -> Peer:
    """A peer that sends one frame when it is told to."""
    stream = frame(bytes(body))
    return Peer(Socket(stream, frame_ends(stream), send_room, 1 << 20), EVERYTHING, -1, len(stream))


@pytest.mark.parametrize("again", [(), (2.0, 3.0, 4.5)])
def test_who_fetches_nothing_is_told_to_end_in_time_and_cut_off_at_the_end_of_the_first_grace(
    again: tuple[float, ...],
) -> None:
    peer = peer_of(500_000, send_room=1000)
    world = Scripted(peer, {0.0: "send", BEGUN: "stop"} | dict.fromkeys(again, "stop"))
    at, detail = world.end_of()
    assert GRACE - 0.5 < at <= GRACE
    assert detail.startswith("the grace time was over: 1,000 bytes not acknowledged")
    assert detail.endswith("it was ending as shutdown (while its echo was pending)")
    assert 0.0 < GRACE - world.ending_at - LINGER <= 0.5
