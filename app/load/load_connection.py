"""Where one connection is on the reel."""

from __future__ import annotations

import socket
from collections import deque

from .frame_loop import FrameLoop


class LoadConnection:
    """The place of one connection on the reel, reading and writing, and what is on its way."""

    __slots__ = (
        "batches",
        "due",
        "echoed",
        "fd",
        "frame",
        "in_flight",
        "number",
        "outstanding",
        "place",
        "position",
        "send_frame",
        "send_position",
        "sock",
        "takes_no_more",
        "unsent",
        "waits_to_write",
    )

    def __init__(self, place: int, number: int, sock: socket.socket, reel: FrameLoop) -> None:
        self.place = place
        """In the turn of an open loop."""
        self.number = number
        self.sock = sock
        self.fd = sock.fileno()
        self.frame = self.send_frame = reel.first_frame(number)
        """Index of the frame whose echo is due, and of the next to send, in the reel."""
        self.position = self.send_position = reel.starts[self.frame]
        """Of the next byte due, and of the next to write, in the reel."""
        self.echoed = 0
        """Frames: also the number of the frame that is due."""
        self.in_flight = 0
        """Frames begun whose echo is not complete."""
        self.outstanding = 0
        """Bytes written whose echo has not come."""
        self.unsent = 0
        """Bytes of frames begun that are not written."""
        self.due = 0
        """Frames whose time has come in an open loop, while `depth` others are in flight."""
        self.batches: deque[tuple[int, int]] = deque()
        """Frames that were begun together, and when, in microseconds (closed loop)."""
        self.waits_to_write = False
        self.takes_no_more = False
        """Whether a write has failed; what the server sent before that may still be read."""

    def due_after(self, frame: int, turns: int, rate: float) -> int:
        """When a frame of this connection is due, in microseconds after the start of an open loop.

        `turns` connections take turns, and `rate` frames per second are due on all of them.
        """
        return int((frame * turns + self.place) * 1_000_000 / rate)
