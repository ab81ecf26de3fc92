"""The events of a server: immutable structs.

Everything that crosses a thread or a process is one of these structs or a command
(`app.core.commands`): events flow from the loop to its watchers, commands flow back. The
events that hold only figures are in `app.core.statistics`.

Units: ``t`` and every field named ``*_at`` are seconds since the Unix epoch on a clock that never
steps back, unless the wall clock is set (`Notice.clock_step`);
sizes are bytes; names ending in ``_us`` are microseconds. Counters are absolute and only grow, so
a lost snapshot can hide a moment but can never make a figure wrong.

Text that came from a peer is escaped (`app.core.printable`) before it is put into an event.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, TypeAlias

import msgspec

from .diagnosis import Diagnosis
from .fault_receipt import FaultReceipt
from .habits import Habits
from .iteration import Iteration, Iterations
from .kept_bytes import KeptBytes
from .queues import Kernel, Queues
from .statistics import EventStruct, LoopStats, ProcessStats, WorkerStats
from .stepping import LoopHeld, LoopResumed, Stepped


class ConnectionState(StrEnum):
    """The state of a connection; `app.server.machine` says what each means."""

    READ_LEN = "READ_LEN"
    READ_BODY = "READ_BODY"
    WRITE_BODY = "WRITE_BODY"
    DRAINING = "DRAINING"
    CLOSED = "CLOSED"


class Reason(StrEnum):
    """The close reason: exactly one for each connection."""

    EOF = "eof"
    EOF_MID_HEADER = "eof_mid_header"
    EOF_MID_BODY = "eof_mid_body"
    RESET = "reset"
    FRAME_TOO_LARGE = "frame_too_large"
    TIMEOUT_HEADER = "timeout_header"
    TIMEOUT_BODY = "timeout_body"
    TIMEOUT_WRITE = "timeout_write"
    TIMEOUT_IDLE = "timeout_idle"
    TIMEOUT_PEER = "timeout_peer"
    """The kernel gave up: ETIMEDOUT, see tcp(7), tcp_retries2 and tcp_keepalive_probes."""
    UNREACHABLE = "unreachable"
    """The network says that the peer cannot be reached (ICMP, icmp(7))."""
    KILLED = "killed"
    LIMIT = "limit"
    SHUTDOWN = "shutdown"
    ERROR = "error"


ORDERLY: Final = frozenset({Reason.EOF, Reason.KILLED, Reason.SHUTDOWN})
"""The reasons of a close that is in good order, or was asked for."""


CALLS_A_ROUND = 64
"""System calls published of one traced connection between two rounds of snapshots."""
TRACED_BYTES = 256
"""Bytes of one system call that `Bytes` carries at most."""
POLLIN = 1
"""Bit of `Snapshot.interest`: the poller watches for input."""
POLLOUT = 4
"""Bit of `Snapshot.interest`: the poller watches for room in the kernel's send queue."""


# --- lifecycle and results: never dropped -------------------------------------------------------


class Endpoint(msgspec.Struct, frozen=True):
    """One address at which a server listens."""

    host: str
    port: int


class Listening(EventStruct, frozen=True, tag="listening"):
    """The server accepts connections. Only notices about the start may come before it."""

    t: float
    host: str
    """Of the first of `listeners`."""
    port: int
    pid: int
    poller: str
    write_mode: str
    cap: int
    max_connections: int
    header_timeout: float
    body_timeout: float
    write_timeout: float
    idle_timeout: float
    instance: str = ""
    """16 hex digits chosen by the server at its start; empty in old recordings."""
    workers: int = 0
    """Number of worker processes; 0 if the loop is a thread of this process."""
    notes: tuple[str, ...] = ()
    """The adaptations at start-up (no IPv6, a lowered limit), one line each."""
    max_per_peer: int = 0
    """Connections that one address may hold open; 0 is off."""
    listeners: tuple[Endpoint, ...] = ()
    """Each address at which it listens; the first is `host` and `port`. Empty in old recordings."""
    step: bool = False
    """Whether the loop can be held and stepped."""


class Opened(EventStruct, frozen=True, tag="opened"):
    """A connection was accepted."""

    t: float
    id: int
    fd: int
    peer: str
    worker: int = 0
    """Number of the worker process that has it, from 1; 0 if there are no workers."""


class Closed(EventStruct, frozen=True, tag="closed"):
    """A connection ended: its last event, with its totals."""

    t: float
    id: int
    peer: str
    reason: Reason
    detail: str
    """The cause of the reason, in a few words; may be empty."""
    opened_at: float
    frames_in: int
    frames_out: int
    bytes_in: int
    bytes_out: int
    toggles: int
    eagains: int
    partial_writes: int
    diagnosis: Diagnosis | None = None
    """The name of its bytes, where they did not fit: a refused header, an end inside a frame."""
    habits: Habits | None = None
    """Figures of how the peer has sent and ended; None where nothing was remarkable."""
    fault: FaultReceipt | None = None
    """What was done to its echo on purpose."""


class SettingChanged(EventStruct, frozen=True, tag="setting_changed"):
    """A setting has a new value, in force from the next frame on."""

    t: float
    name: str
    old: int | float | str
    new: int | float | str
    by_pid: int = 0
    """The process that asked for it; 0 if it is not known."""
    by_name: str = ""
    """The name of that process, escaped; empty if it is not known."""


class RecordingStatus(msgspec.Struct, frozen=True):
    """A recording of the server; all of it empty if there is none."""

    recording: bool = False
    """Whether it goes on."""
    file: str | None = None
    bytes: int = 0
    """Bytes on the disk, in all files of it that are kept."""
    since: float | None = None
    """When it began, in Unix seconds."""
    interrupted: str | None = None
    """Why nothing is recorded at present, though it goes on once the disk can; null if it is."""


class CommandResult(EventStruct, frozen=True, tag="command_result"):
    """The outcome of a command: one for each connection that it named, or one for all of it."""

    t: float
    request: int
    command: str
    ok: bool
    message: str
    id: int | None = None
    by_pid: int = 0
    """As `SettingChanged.by_pid`."""
    by_name: str = ""
    recording: RecordingStatus | None = None
    """In the answer to a `record` command."""
    lost_bytes: int | None = None
    """In the answer to a kill of mode `close`: bytes of echo that the kernel had accepted and the
    peer has not acknowledged."""


class Notice(EventStruct, frozen=True, tag="notice"):
    """A message for the operator: accepting paused, a limit reached."""

    t: float
    level: str
    """``debug``, ``info``, ``warning`` or ``error``."""
    text: str
    skipped: dict[str, int] | None = None
    """Closes by reason that were not told, and as many opens: nobody took them in time."""
    clock_step: float = 0.0
    """Seconds by which the wall clock was set: times told before are so many seconds too small."""
    worker: int = 0
    """Number of the worker whose times follow it; 0 for those of the server itself."""

    @property
    def is_repeated(self) -> bool:
        """Whether it tells of a step of the clock that the server tells of, too."""
        return self.worker > 0 and self.clock_step != 0.0


class Stopping(EventStruct, frozen=True, tag="stopping"):
    """The server accepts no more, and echoes the frames that it has received whole."""

    t: float
    cause: str
    grace: float
    open: int


class Stopped(EventStruct, frozen=True, tag="stopped"):
    """The loop has ended and every connection is closed: the last event of all."""

    t: float
    cause: str
    opened: int
    closed: int
    frames_out: int
    bytes_in: int
    bytes_out: int


class Crashed(EventStruct, frozen=True, tag="crashed"):
    """The loop's thread died of a fault of ours: the last event of all."""

    t: float
    error: str
    traceback: str


# --- detail: may be dropped when nobody drains, and then it is counted ---------------------------


class StateChanged(EventStruct, frozen=True, tag="state_changed"):
    """A traced connection took an arrow of the drawing: each that lies between the states before
    and after a wake-up is told, also where a state was passed within it."""

    t: float
    id: int
    old: ConnectionState
    new: ConnectionState
    body_length: int | None = None
    """In READ_BODY, what the header announces in bytes; else None, as in recordings of 0.2.2."""
    body_read: int = 0  # the bytes of the body that have come


class Toggled(EventStruct, frozen=True, tag="toggled"):
    """POLLOUT interest was armed or disarmed."""

    t: float
    id: int
    armed: bool
    pending: int
    """Bytes of echo that the kernel has not taken; 0 when it is disarmed."""
    toggles: int
    offered: bool = True
    """As `Snapshot.offered`."""


class Io(EventStruct, frozen=True, tag="io"):
    """One system call on a connection traced at level ``io``."""

    t: float
    id: int
    call: str
    """``read`` or ``write``."""
    asked: int
    """Bytes that a read had room for, or that a write offered."""
    result: int
    """Bytes moved; 0 from a read is EOF; -1 is an error, whose name is in `error`."""
    error: str = ""
    gap_follows: bool = False
    """Whether the next calls are left out: `CALLS_A_ROUND` are published between two rounds."""


class Bytes(EventStruct, frozen=True, tag="bytes"):
    """The last bytes that one system call moved, at trace level ``bytes``."""

    t: float
    id: int
    call: str
    """``read`` or ``write``."""
    data: bytes
    """At most `TRACED_BYTES` of them."""


# --- absolute figures: latest wins --------------------------------------------------------------


class Snapshot(EventStruct, frozen=True, tag="snapshot"):
    """All figures of one connection at one moment."""

    t: float
    id: int
    state: ConnectionState
    header: bytes
    """Header bytes of the frame in flight, 0 to 4; of the first frame being echoed, all 4."""
    body_read: int
    body_length: int
    out_sent: int
    out_length: int
    interest: int
    toggles: int
    toggled_at: float
    eagains: int
    partial_writes: int
    frames_in: int
    """Frames received in full."""
    frames_out: int
    """Frames whose echo the kernel took in full."""
    bytes_in: int
    bytes_out: int
    frame_at: float
    """The time when the frame in flight began to arrive; 0 between frames."""
    active_at: float
    """The time when a byte last moved, in or out."""
    closing: Reason | None = None
    """The reason decided while the connection is DRAINING."""
    budget_hits: int = 0
    """Wake-ups that the budget ended with more to do."""
    offered: bool = True
    """False in `armed` mode until the first write of the pending echo."""
    queues: Queues | None = None
    """The kernel's side; None while all that was written is acknowledged."""
    unread: int = 0
    """Bytes in the receive queue that the loop wants to read, when it was last asked (SIOCINQ)."""
    unread_at: float = 0.0
    """Since when the same bytes have waited there, in Unix seconds; 0 if none do."""
    is_held: bool = False
    """Whether the budget alone ended its wake-ups of the last second, with more to do."""
    diagnosis: Diagnosis | None = None
    """The name of all bytes so far, where they do not fit and the connection stands still."""
    habits: Habits | None = None
    """Figures of how the peer sends; None where nothing is remarkable."""
    fault: str = ""
    """The SPEC of what is done to its echo on purpose."""
    fault_holds: bool = False
    """Whether that holds its echo back."""

    @property
    def rested_at(self) -> float:
        """When a byte last moved, or was acknowledged; the idle time-out is counted from then."""
        return max(self.active_at, self.t)

    @property
    def unacked_bytes(self) -> int:
        """Bytes of echo written and not acknowledged; 0 where the kernel does not tell."""
        return (self.queues.unacked_bytes or 0) if self.queues is not None else 0

    @property
    def in_flight_bytes(self) -> int | None:
        """Bytes of echo in flight; None where the kernel does not tell."""
        return 0 if self.queues is None else self.queues.in_flight_bytes

    @property
    def header_read(self) -> int:
        """Header bytes read of the frame in flight, 0 to 4."""
        return len(self.header)

    @property
    def pending(self) -> int:
        """Bytes of echo that the kernel has not taken yet."""
        return self.out_length - self.out_sent


Event: TypeAlias = (
    Listening
    | Opened
    | Closed
    | SettingChanged
    | CommandResult
    | Notice
    | Stopping
    | Stopped
    | Crashed
    | StateChanged
    | Toggled
    | Io
    | Bytes
    | Kernel
    | KeptBytes
    | Iteration
    | Iterations
    | LoopHeld
    | LoopResumed
    | Stepped
    | Snapshot
    | LoopStats
    | ProcessStats
    | WorkerStats
)


DETAIL: Final = frozenset({StateChanged, Toggled, Io, Bytes, Kernel, Iteration, WorkerStats})
"""The types of events that may be dropped when nobody drains them. Check with ``type(event) in``:
`isinstance` calls the metaclass of a msgspec type, 50 ns for each of the six."""
FIGURES: Final = (Snapshot, LoopStats, ProcessStats, WorkerStats)
"""The types of events that hold only figures. A later one of the same subject replaces them."""
LAST_WORDS: Final = frozenset({Stopped, Crashed})
"""The types of a server's last event."""
