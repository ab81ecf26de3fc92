"""The state of one measured connection."""

from __future__ import annotations

import socket
from collections import deque

from .frame_loop import FrameLoop


class LoadConnection:
    """The positions of one connection in the frame loop, and the counts of frames in flight."""

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
        "unsent",
        "waits_to_write",
        "write_failed",
    )

    def __init__(self, place: int, number: int, sock: socket.socket, frame_loop: FrameLoop) -> None:
        self.place = place
        """Index of the connection in the order in which an open loop uses them."""
        self.number = number
        self.sock = sock
        self.fd = sock.fileno()
        self.frame = self.send_frame = frame_loop.first_frame(number)
        """Indices in the frame loop: the frame whose echo is due, the next frame to send."""
        self.position = self.send_position = frame_loop.starts[self.frame]
        """Offsets in the frame loop: the next byte due, the next byte to write."""
        self.echoed = 0
        """Frames echoed, which is also the number of the frame that is due."""
        self.in_flight = 0
        """Frames begun whose echo is not complete."""
        self.outstanding = 0
        """Bytes written whose echo has not come."""
        self.unsent = 0
        """Bytes of frames begun that are not written."""
        self.due = 0
        """Frames whose time has come in an open loop, while `depth` others are in flight."""
        self.batches: deque[tuple[int, int]] = deque()
        """For each write of a closed loop: the number of frames, the time in microseconds."""
        self.waits_to_write = False
        self.write_failed = False
        """True once a write has failed; echoes that came before may still be read."""

    def due_after(self, frame: int, turns: int, rate: float) -> int:
        """Return when a frame is due, in microseconds after the start of an open loop.

        `turns` is the number of connections, `rate` the frames per second on all of them together.
        """
        return int((frame * turns + self.place) * 1_000_000 / rate)
