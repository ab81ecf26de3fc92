"""One accepted connection, as the loop keeps it beside its state machine.

Each attribute is assigned by one module (the groups in `Connection.__init__`) or by a method here;
a test holds it (`tests/server/test_connection.py`). Everything runs in the loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import getsizeof
from typing import Final, NamedTuple, TypeAlias

from ..core.commands import TraceLevel
from ..core.diagnosis import Diagnosis
from ..core.events import POLLIN, Closed, Snapshot
from ..core.fault_receipt import FaultReceipt
from ..core.framing import NO_BURST
from .arrivals import Arrivals
from .budgets import BYTE_BUDGET
from .capture import TAIL, Capture
from .faulty_echo import FaultyEcho
from .linger import Linger
from .machine import READ_LEN, EchoMachine
from .outstanding import Outstanding

READ_SIZE: Final = 64 * 1024
"""Least bytes that a read asks for, except on the hot path."""
SMALL_READ: Final = 512 - getsizeof(b"")
"""Bytes of one read on the hot path of a connection that sends little at a time. A read allocates
what it asks for, and CPython's own allocator, not malloc, makes an object of up to 512 bytes: that
saves 0.1 µs, 2% of an echo."""
STEADY: Final = 4
"""Adaptations in a row to bursts of one size, after which a read asks for one byte more than that:
nothing of what it allocates has to be given back. That saves 2 to 3% of an echo of more than 512
bytes, 1% of a smaller one."""
UNSTEADY: Final = -100
"""Where that count begins again once more has come than such a read asked for: its last frame went
the general way, at the cost of some five echoes."""


class Counts(NamedTuple):
    """The counters of a connection since it was opened.

    They have the same names in `Connection`, `Snapshot`, `Closed` and `LoopStats`.
    """

    frames_in: int
    frames_out: int
    bytes_in: int
    bytes_out: int
    toggles: int
    eagains: int
    partial_writes: int


NO_COUNTS: Final = Counts(*(0,) * len(Counts._fields))


class Seen(NamedTuple):
    """How far a connection had come at a look (`app.server.unacknowledged`)."""

    bytes_in: int
    bytes_out: int
    hits: int
    """Wake-ups that the budget had ended."""
    refused: int
    """Reads and writes that the kernel had refused, or cut short."""


NOT_SEEN: Final = Seen(0, 0, 0, 0)

KnownBurst: TypeAlias = tuple[
    int, Callable[[bytes], tuple[int, ...]], tuple[int, ...], int, bool, slice | None
]
"""A layout (`app.core.framing.Burst`), and how the last bytes of a read in it are kept once the
first ones are: the read as it is; or a part of it; or, with False and None, as captures do it."""
NO_KNOWN_BURST: Final[KnownBurst] = (*NO_BURST, False, None)


class Judgement(NamedTuple):
    """What was found when the bytes of a connection were judged."""

    diagnosis: Diagnosis | None
    received: int
    """Bytes that had been received by then."""


class Connection:
    """One accepted connection. Counters only grow; times are seconds on the loop's clock.

    On the hot path (`app.server.serving`) whole frames pass without the state machine, so that it
    reads and writes one object and calls no method: `frames_in`, `frames_out`, `bytes_in` and
    `bytes_out` add up both ways.
    """

    __slots__ = (
        "acked_all_at active_at alike arrivals budget_hits burst capture changed eagains faulty "
        "fd first_at held_until id interest is_held judgement linger machine offered opened_at "
        "outstanding partial_writes past_fault peer progress_at quick_bytes quick_frames read_size "
        "repeats seen seen_state served_from slot stalled_at tail tallied toggled_at toggles "
        "told_at trace unread unread_at"
    ).split()

    first_at: float
    """When the first bytes were read, if they are in `tail` and in no capture yet."""

    def __init__(self, connection_id: int, fd: int, peer: str, now: float) -> None:
        self.id = connection_id
        self.fd = fd
        self.peer = peer
        """The peer's address in words."""
        self.opened_at = now
        self.machine = EchoMachine()

        # Assigned by the methods below.
        self.read_size = READ_SIZE
        """Bytes that the next read on the hot path asks for."""
        self.alike = 0
        """Adaptations in a row that met a burst of the same size."""
        self.stalled_at = 0.0
        """When the pending echo was first left unsent at the end of a wake-up."""

        # Assigned by `app.server.noting`.
        self.arrivals: Arrivals | None = None
        """Figures of how its frames arrive and it ends; None while nothing was remarkable."""

        # Assigned by `app.server.faults`.
        self.faulty: FaultyEcho | None = None
        """The fault on purpose that it has; None for nearly all."""
        self.past_fault: FaultReceipt | None = None
        """What faults have done that were taken away, or replaced."""
        self.held_until = 0.0
        """The time when what a fault holds back may go on; ``inf`` is never, 0 is at once."""

        # Assigned by `app.server.captures`.
        self.capture: Capture | None = None
        """The bytes of it that are kept; None if none are to be, or none have come."""

        # Assigned by `app.server.judging`.
        self.judgement: Judgement | None = None
        """The last judgement of its bytes."""

        # Assigned by `app.server.serving`.
        self.active_at = now
        """When a byte last moved, in or out."""
        self.progress_at = now
        """When the kernel last took a byte of an echo, or the echo began to stall."""
        self.quick_frames = 0
        """Frames echoed on the hot path, without those of `repeats`."""
        self.quick_bytes = 0
        """Bytes of those frames, headers included."""
        self.repeats = 0
        """Times that the burst has come again: one count for its frames and its bytes."""
        self.burst: KnownBurst = NO_KNOWN_BURST
        """The last uniform burst; a read of the same size is checked against it first."""
        self.served_from = now
        """When the pending echo's frames were complete."""
        self.eagains = 0
        self.partial_writes = 0
        self.tail = b""
        """The last bytes that were parsed, `app.server.capture.TAIL` at least if so many came."""
        self.budget_hits = 0
        """Wake-ups that ended on the budget with more to do."""
        self.offered = True
        """Whether the pending echo was offered to the kernel; not at first in `armed` mode."""

        # Assigned by `app.server.lifecycle`.
        self.interest = POLLIN
        """The interest registered with the poller."""
        self.toggles = 0
        self.toggled_at = now
        self.seen_state = READ_LEN
        """The state at the end of the last wake-up."""
        self.trace = TraceLevel.OFF

        # Assigned by `app.server.closing`.
        self.linger: Linger | None = None

        # Assigned by `app.server.deadlines`.
        self.slot = 0
        """Number of the timing wheel's slot that holds it; 0 is none."""

        # Assigned by `app.server.unacknowledged`.
        self.outstanding: Outstanding | None = None
        """The bytes that are not acknowledged, if the last look found some."""
        self.acked_all_at = now
        """When all that was written was last found acknowledged."""
        self.unread = 0
        """Bytes in the receive queue that the loop wanted to read at the last look."""
        self.unread_at = 0.0
        """Since when the same bytes have waited there; 0 if none do."""
        self.is_held = False
        """Whether the budget alone ended its wake-ups since the look before, with more to do."""
        self.seen = NOT_SEEN
        """How far it had come at the last look."""

        # Assigned by `app.server.reporter`.
        self.changed = False
        """Whether its change is noted for the next round of snapshots and the next look."""
        self.told_at = 0.0
        """The time of its latest snapshot, in Unix seconds."""
        self.tallied = NO_COUNTS
        """The counts that the loop's totals already hold."""

    # --- what the loop did ---

    def discard(self, data: bytes, now: float) -> None:
        """Note that `data` was read and echoed to nobody at `now`."""
        self.machine.discard(len(data))
        self.active_at = now
        if self.capture is not None:
            self.tail = data[-TAIL:]
            self.capture.add_discarded(data, now)

    def note_tail(self, data: bytes) -> None:
        """Keep the last `TAIL` bytes that were parsed, of which `data` are the latest."""
        self.tail = self.tail[-TAIL:] + data if len(data) < TAIL else data[-TAIL:]

    def keep_as_tail(self, data: bytes) -> None:
        """Keep `data`, a whole read of moderate size, as the last bytes."""
        self.tail = data

    def note_first(self, data: bytes, now: float) -> None:
        """Keep a short first read, made at `now`, as it is."""
        self.tail, self.first_at = data, now

    def begin_stall(self, now: float) -> None:
        """Time the pending echo from `now` on: the wake-up ended with some of it unsent."""
        self.progress_at = self.stalled_at = now

    def restamp(self, began: float, now: float) -> None:
        """Set the times since `began` from which deadlines are counted to `now`."""
        self.active_at = _later(self.active_at, began, now)
        self.acked_all_at = _later(self.acked_all_at, began, now)
        self.progress_at = _later(self.progress_at, began, now)
        self.stalled_at = _later(self.stalled_at, began, now)
        self.machine.restamp(began, now)

    def expect(self, count: int) -> None:
        """Make the next read `count` bytes long, as many as a body still needs or a frame has.

        Not below `READ_SIZE`: bytes behind the frame wait in the machine's backlog.
        """
        if count <= READ_SIZE:
            self.read_size = READ_SIZE
        else:
            self.read_size = count if count < BYTE_BUDGET else BYTE_BUDGET

    def remember_burst(self, burst: KnownBurst) -> None:
        """Count by itself what came in the layout so far, and take `burst` for the next reads."""
        self.quick_frames += self.repeats * self.burst[3]
        self.quick_bytes += self.repeats * self.burst[0]
        self.repeats = 0
        self.burst = burst

    def adapt_read_size(self, size: int) -> None:
        """Adapt the size of the next read to `size`, the bytes of one on the hot path."""
        self.alike = self.alike + 1 if size == self.burst[0] else min(self.alike, 0)
        if self.read_size == size:
            self.expect(size)
        elif self.read_size <= READ_SIZE:
            if self.alike >= STEADY:
                self.read_size = size + 1
            else:
                self.read_size = SMALL_READ if size < SMALL_READ else READ_SIZE

    def widen_reads(self, size: int) -> None:
        """Let the next reads ask for more than `size` bytes, which filled one on the hot path."""
        self.alike = UNSTEADY
        self.expect(size)

    # --- what others see ---

    def progress_so_far(self) -> Seen:
        """How far it has come now."""
        refused = self.eagains + self.partial_writes
        return Seen(self.bytes_in, self.bytes_out, self.budget_hits, refused)

    @property
    def frames_in(self) -> int:
        """Frames received in full."""
        return self.quick_frames + self.repeats * self.burst[3] + self.machine.frames_in

    @property
    def frames_out(self) -> int:
        """Frames whose echo the kernel took in full."""
        return self.frames_in - self.machine.out_frames

    @property
    def bytes_in(self) -> int:
        """Bytes received, headers included."""
        return self.hot_bytes + self.machine.bytes_in

    @property
    def hot_bytes(self) -> int:
        """Bytes received, and echoed, on the hot path."""
        return self.quick_bytes + self.repeats * self.burst[0]

    @property
    def bytes_out(self) -> int:
        """Bytes of echo that the kernel took, headers included."""
        return self.bytes_in - self.machine.bytes_kept

    @property
    def rested_at(self) -> float:
        """When a byte last moved, or the last of an echo was acknowledged: idling begins then."""
        return max(self.active_at, self.acked_all_at)

    @property
    def unacked_bytes(self) -> int:
        """Bytes of echo in the send queue at the last look; 0 if the kernel does not tell."""
        return 0 if self.outstanding is None else self.outstanding.unacked_bytes or 0

    def counts(self) -> Counts:
        """The counters as they are now."""
        machine = self.machine
        frames_in = self.quick_frames + machine.frames_in
        bytes_in = self.quick_bytes + machine.bytes_in
        if self.repeats:
            frames_in += self.repeats * self.burst[3]
            bytes_in += self.repeats * self.burst[0]
        return Counts(
            frames_in,
            frames_in - machine.out_frames,
            bytes_in,
            bytes_in - machine.bytes_kept,
            self.toggles,
            self.eagains,
            self.partial_writes,
        )

    def snapshot(self, epoch: float) -> Snapshot:
        """Make a snapshot of all figures; `epoch` plus the loop's clock is Unix time."""
        machine, outstanding = self.machine, self.outstanding
        # Never before that of an earlier snapshot, which would be taken for the newer one, also
        # where the wall clock was adjusted by some microseconds and no byte has moved since.
        t, queues = self.rested_at, None
        if outstanding is not None and not outstanding.is_brisk:
            t, queues = max(t, outstanding.looked_at), outstanding.to_queues(epoch)
        self.told_at = max(t + epoch, self.told_at)
        return Snapshot(
            t=self.told_at,
            id=self.id,
            state=machine.state,
            header=machine.header,
            body_read=machine.body_bytes_read,
            body_length=machine.body_len,
            out_sent=machine.out_bytes_sent,
            out_length=machine.out_len,
            interest=self.interest,
            toggles=self.toggles,
            toggled_at=self.toggled_at + epoch,
            eagains=self.eagains,
            partial_writes=self.partial_writes,
            frames_in=self.frames_in,
            frames_out=self.frames_out,
            bytes_in=self.bytes_in,
            bytes_out=self.bytes_out,
            frame_at=machine.frame_at + epoch if machine.frame_at else 0.0,
            active_at=self.active_at + epoch,
            closing=machine.closing,
            budget_hits=self.budget_hits,
            unread=self.unread,
            unread_at=self.unread_at + epoch if self.unread_at else 0.0,
            is_held=self.is_held,
            offered=self.offered,
            queues=queues,
            diagnosis=self.valid_diagnosis,
            habits=None if self.arrivals is None else self.arrivals.to_habits(epoch),
            fault="" if self.faulty is None else self.faulty.spec.text,
            fault_holds=self.faulty is not None and bool(self.held_until or self.faulty.aside),
        )

    @property
    def has_room(self) -> bool:
        """Whether more of its first bytes are to be kept, if any are."""
        return self.capture is None or self.capture.has_room

    @property
    def valid_diagnosis(self) -> Diagnosis | None:
        """The diagnosis of its bytes, if they were judged up to the last one."""
        judgement = self.judgement
        if judgement is None or judgement.received != self.bytes_in:
            return None
        return judgement.diagnosis

    def make_closed(self, t: float, epoch: float) -> Closed:
        """Make the event of the close at `t` (Unix seconds) from the counts that were tallied last.

        `epoch` as in `snapshot`.
        """
        machine = self.machine
        assert machine.closing is not None
        frames_in, frames_out, bytes_in, bytes_out, toggles, eagains, partial = self.tallied
        # By position: CPython makes a call of more than 15 keywords by way of a dictionary.
        return Closed(
            t,
            self.id,
            self.peer,
            machine.closing,
            machine.detail,
            self.opened_at + epoch,
            frames_in,
            frames_out,
            bytes_in,
            bytes_out,
            toggles,
            eagains,
            partial,
            None if self.judgement is None else self.valid_diagnosis,
            None if self.arrivals is None else self.arrivals.to_habits(epoch),
            self.past_fault if self.faulty is None else self.faulty.receipt(),
        )


def _later(when: float, began: float, now: float) -> float:
    return now if when >= began else when
