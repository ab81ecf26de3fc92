"""The state of one measured connection."""

from __future__ import annotations

import socket
from collections import deque
from dataclasses import InitVar, dataclass, field

from .frame_loop import FrameLoop


@dataclass(slots=True, eq=False)
class LoadConnection:
    """The positions of one connection in the frame loop, and the counts of frames in flight."""

    place: int
    """Index of the connection in the order in which an open loop uses them."""
    number: int
    sock: socket.socket
    frame_loop: InitVar[FrameLoop]
    fd: int = field(init=False)
    frame: int = field(init=False)
    """Index in the frame loop of the frame whose echo is due."""
    send_frame: int = field(init=False)
    """Index in the frame loop of the next frame to send."""
    position: int = field(init=False)
    """Offset in the frame loop of the next byte due."""
    send_position: int = field(init=False)
    """Offset in the frame loop of the next byte to write."""
    echoed: int = 0
    """Frames echoed, which is also the number of the frame that is due."""
    in_flight: int = 0
    """Frames begun whose echo is not complete."""
    outstanding: int = 0
    """Bytes written whose echo has not come."""
    unsent: int = 0
    """Bytes of frames begun that are not written."""
    due: int = 0
    """Frames whose time has come in an open loop, while `depth` others are in flight."""
    batches: deque[tuple[int, int]] = field(default_factory=deque)
    """For each write of a closed loop: the number of frames, the time in microseconds."""
    waits_to_write: bool = False
    write_failed: bool = False
    """True once a write has failed; echoes that came before may still be read."""

    def __post_init__(self, frame_loop: FrameLoop) -> None:
        self.fd = self.sock.fileno()
        self.frame = self.send_frame = frame_loop.first_frame(self.number)
        self.position = self.send_position = frame_loop.starts[self.frame]

    def due_after(self, frame: int, turns: int, rate: float) -> int:
        """Return a frame's due time in µs from the start; `rate` is of all `turns` connections."""
        return int((frame * turns + self.place) * 1_000_000 / rate)
