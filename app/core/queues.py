"""The kernel's figures of a connection: of a traced one as an event, of one whose echo is not
acknowledged as a part of its snapshot."""

from __future__ import annotations

import msgspec

from .statistics import EventStruct


class Queues(msgspec.Struct, frozen=True, omit_defaults=True):
    """The kernel's send queue of a connection, and how far the peer has come; as of `t`.

    Written bytes are those that the kernel has accepted, in flight those that it has sent and the
    peer has not acknowledged, acknowledged those that the peer's kernel has. None is what this
    platform does not tell.
    """

    t: float
    """When the kernel was asked, in Unix seconds."""
    since: float
    """When bytes of echo were first written or pending and not acknowledged, in Unix seconds."""
    acked_at: float
    """When an acknowledgement last took bytes from the send queue; `since` if none has."""
    acked_bytes: int
    """Bytes of echo that the peer has acknowledged."""
    unacked_bytes: int | None = None
    """Bytes of echo in the send queue: written and not acknowledged (SIOCOUTQ)."""
    in_flight_bytes: int | None = None
    """The part of them that is in flight; the rest waits for the peer's window."""
    window: int | None = None
    """Bytes that the peer offers to receive (tcpi_snd_wnd)."""
    retransmits: int = 0
    """Retransmissions in a row that nothing has answered."""
    probes: int = 0
    """Probes of a closed window in a row that nothing has answered."""
    has_stopped: bool = False
    """Whether the peer takes nothing any more: `app.server.outstanding.STOPPED`."""
    answers: bool = True
    """Whether the peer's kernel answers: False while retransmissions or probes stay unanswered."""
    acked_per_second: float = 0.0
    """Bytes that the peer takes a second, over the last seconds: acknowledged, or read if known."""
    peer_unread_bytes: int | None = None
    """Bytes that the peer's kernel holds and its program has not read; of peers on this machine."""


class Kernel(EventStruct, frozen=True, tag="kernel"):
    """The kernel's figures of a traced connection (tcp(7)); None if the platform has no such."""

    t: float
    id: int
    unread: int | None
    """Bytes received that the loop has not read yet (SIOCINQ)."""
    unacknowledged: int | None
    """Bytes written that the peer has not acknowledged (SIOCOUTQ)."""
    send_buffer: int
    """Bytes that the kernel allots to the send queue (SO_SNDBUF, its own overhead included)."""
    rtt_us: int | None = None
    """Smoothed round-trip time."""
    rttvar_us: int | None = None
    """Mean deviation of the round-trip time."""
    cwnd: int | None = None
    """Congestion window, in segments."""
    mss: int | None = None
    """Bytes of a segment."""
    unacked_segments: int | None = msgspec.field(default=None, name="unacked")
    """Segments sent and not acknowledged; in JSON ``unacked``."""
    retransmits: int | None = None
    """Segments sent again, in all."""
    probes: int | None = None
    """Unanswered probes of a peer whose receive window is closed."""
    read_size: int = 0
    """Bytes that a read asks for while the connection is traced; 0 if that is not changed by it."""
    unobserved_read_size: int = 0
    """Bytes that its reads asked for before it was traced."""
