"""The state machine of one connection. Bytes in, bytes out; it never touches a socket.

    READ_LEN    0 to 4 header bytes read. With none, the connection is between frames.
    READ_BODY   the header is known and within the CAP; the body is arriving.
    WRITE_BODY  an echo is pending. Nothing is read meanwhile: that is the backpressure.
    DRAINING    the end is decided (`closing` says why). A pending echo is still written, then the
                connection lingers: input is discarded until the peer ends too, or time is up.
    CLOSED      nothing more happens.

The rules:

1. The CAP is judged once, when a header is complete. A body that is being read is finished under
   the CAP that it started with.
2. A body is echoed when it is complete (store and forward). Frames that are complete in one read
   leave in one write, as the very bytes that were read: header and body need no rebuilding.
3. A body of length 0 is a body. A read of 0 bytes is not a frame but EOF, which the loop tells by
   a call of its own; the source document's code mistakes the one for the other.
4. What was read behind the frames that are being echoed waits unparsed in `backlog`. It is at most
   one read long.
5. One call parses at most `FRAME_BUDGET` frames, so that a flood of tiny ones cannot hold the loop.
6. Memory for a body grows with the bytes that arrive, never with the length that was announced.
7. What interest a connection has is a pure function of its state (`wanted_interest`).

Every assignment to `state` is in this file, each along an edge of `TRANSITIONS`. A call that is
not legal in the current state raises `IllegalTransition` and changes nothing.

The offsets carry the source document's names (its section 8): ``len_bytes_read``,
``body_bytes_read`` of ``body_len``, ``out_bytes_sent`` of ``out_len``.
"""

from __future__ import annotations

from sys import getsizeof
from typing import Final, NamedTuple, TypeAlias

from ..core.events import POLLIN, POLLOUT, ConnectionState, Reason, Snapshot, TraceLevel
from ..core.framing import HEADER_SIZE, NO_BURST, read_length, whole_frames
from ..doctor.refused_header import looks_like

READ_LEN: Final = ConnectionState.READ_LEN
READ_BODY: Final = ConnectionState.READ_BODY
WRITE_BODY: Final = ConnectionState.WRITE_BODY
DRAINING: Final = ConnectionState.DRAINING
CLOSED: Final = ConnectionState.CLOSED

TRANSITIONS: Final = {
    READ_LEN: {READ_BODY, WRITE_BODY, DRAINING, CLOSED},
    READ_BODY: {WRITE_BODY, DRAINING, CLOSED},
    WRITE_BODY: {READ_LEN, DRAINING, CLOSED},
    DRAINING: {CLOSED},
    CLOSED: set(),
}
"""What may follow a state from one call to the next. READ_LEN → WRITE_BODY is a whole frame that
arrived in one read: it passes READ_BODY within the call."""

READ_SIZE: Final = 64 * 1024
"""Bytes of one read at least, but for the hot path's small ones."""
SMALL_READ: Final = 512 - getsizeof(b"")
"""Bytes of one read on the hot path where a connection sends little at a time. A read allocates
what it asks for, and up to 512 bytes an object is CPython's own allocator's and not malloc's:
0.1 µs, 2% of an echo."""
BYTE_BUDGET: Final = 1024 * 1024
"""Bytes of one read at most, and of one wake-up."""
FRAME_BUDGET: Final = 1024
"""Frames parsed at most in one call, about 0.1 ms of work."""
COALESCE_BELOW: Final = 16 * 1024
"""Chunks of a body smaller than this are joined, so that a dribbled body costs its size and not
an object for each byte."""
WRITEV_MAX: Final = 64
"""Chunks given to one writev; the kernel's limit is 1024 (IOV_MAX, see writev(2))."""

Chunk: TypeAlias = bytes | bytearray | memoryview


class Counts(NamedTuple):
    """What a connection counts; absolute, and only growing."""

    frames_in: int
    frames_out: int
    bytes_in: int
    bytes_out: int
    toggles: int
    eagains: int
    partial_writes: int


NO_COUNTS: Final = Counts(0, 0, 0, 0, 0, 0, 0)


class IllegalTransition(RuntimeError):
    """A call that the connection's state does not allow: a fault of ours, never of the peer."""


class Connection:
    """One peer: its state, offsets and counters.

    Counters are absolute. Times are whatever the loop's clock says (monotonic seconds).
    """

    __slots__ = (
        "active_at ask backlog body_bytes_read body_len budget_hits burst bytes_in bytes_kept "
        "changed closing detail eagains fd frame_at frames_in held id interest len_buf "
        "linger_at linger_from opened_at out out_bytes_sent out_frames out_len partial_writes "
        "peer progress_at seen_state served_from slot stalled_at stalled_sent state tallied "
        "toggled_at toggles trace unacked"
    ).split()

    def __init__(self, connection_id: int, fd: int, peer: str, now: float) -> None:
        self.id = connection_id
        self.fd = fd
        self.peer = peer
        self.state = READ_LEN
        self.closing: Reason | None = None
        self.detail = ""

        self.len_buf = b""
        self.body_len = 0
        self.body_bytes_read = 0
        self.held: list[Chunk] = []  # the frame in flight as it was read, header and all
        self.ask = READ_SIZE  # bytes of the next read
        self.burst = NO_BURST  # the latest, by which the next one like it is known
        self.backlog = b""
        self.out: list[Chunk] = []
        self.out_len = 0
        self.out_bytes_sent = 0
        self.out_frames = 0

        # What went out is derived (`frames_out`, `bytes_out`), so that the hot path, on which all
        # that comes in goes out, adds to two counters and not to four: 2% of an echo.
        self.frames_in = 0
        self.bytes_in = 0
        self.bytes_kept = 0  # came in and did not go out
        self.toggles = 0
        self.eagains = 0
        self.partial_writes = 0
        self.budget_hits = 0

        self.opened_at = now
        self.active_at = now
        self.frame_at = 0.0
        self.toggled_at = now
        self.progress_at = now
        self.served_from = now  # when the pending echo's frames were complete
        self.stalled_at = 0.0
        self.stalled_sent = 0
        self.linger_at = 0.0
        self.linger_from = 0
        self.unacked = 0

        # What the loop keeps beside the machine.
        self.interest = POLLIN  # as registered with the poller
        self.seen_state = READ_LEN  # at the end of the last wake-up
        self.changed = False  # since the last snapshot
        self.slot = 0  # of the timing wheel; 0 is none
        self.trace = TraceLevel.OFF
        self.tallied = NO_COUNTS  # what the loop's totals already hold

    # --- bytes in ---

    def arrived(self, count: int, now: float) -> None:
        """Count bytes that were read."""
        self.bytes_in += count
        self.bytes_kept += count
        self.active_at = now

    @property
    def len_bytes_read(self) -> int:
        """Header bytes read of the frame in flight, 0 to 4."""
        return len(self.len_buf)

    def receive(self, data: bytes, cap: int) -> bool:
        """Take what was read. True if an echo is now pending.

        False leaves the connection waiting for the rest of a frame, or DRAINING because a header
        announced more than `cap` and no complete frame stood before it.
        """
        if self.state is not READ_LEN and self.state is not READ_BODY:
            raise IllegalTransition(f"receive in {self.state}")
        start = frames = 0
        if self.len_buf:
            start = self._continue_frame(data, cap)
            if not start:
                return False
            frames = 1
        size = len(data)
        end = start
        refused = False
        while size - end >= HEADER_SIZE and frames < FRAME_BUDGET:
            (length,) = read_length(data, end)
            if length > cap:
                refused = True
                break
            after = end + HEADER_SIZE + length
            if after > size:
                break
            end = after
            frames += 1
        if not frames:
            if refused:
                self._refuse(data, cap)
            else:
                self._begin_frame(data)
            return False
        if end > start:
            whole = end == size and not start
            self.out.append(data if whole else memoryview(data)[start:end])
        self.out_len += end - start
        self.out_frames = frames
        self.frames_in += frames
        if refused:
            self._refuse(data[end:], cap)
        else:
            self.state = WRITE_BODY
            if end < size:
                self.backlog = data[end:]
        return True

    def take_backlog(self) -> bytes:
        """What was read behind the last echo and has not been parsed."""
        data, self.backlog = self.backlog, b""
        return data

    def _begin_frame(self, data: bytes) -> None:
        """Keep the start of a frame; its header, where it is complete, is within the CAP."""
        self.len_buf = data[:HEADER_SIZE]
        if len(data) >= HEADER_SIZE:
            self._begin_body()
            self.held = [data]
            self.body_bytes_read = len(data) - HEADER_SIZE
            self._ask_for(self.body_len - self.body_bytes_read)

    def _continue_frame(self, data: bytes, cap: int) -> int:
        """Add to the frame in flight; the offset behind its end in `data`, or 0: not ended."""
        start = 0
        if self.state is READ_LEN:
            start = HEADER_SIZE - len(self.len_buf)
            self.len_buf += data[:start]
            if len(self.len_buf) < HEADER_SIZE:
                return 0
            (length,) = read_length(self.len_buf, 0)
            if length > cap:
                self._refuse(self.len_buf + data[start:], cap)
                return 0
            self._begin_body()
            self.held = [self.len_buf]
        end = start + self.body_len - self.body_bytes_read
        if end > len(data):
            self._keep(data[start:])
            self._ask_for(self.body_len - self.body_bytes_read)
            return 0
        self.out = self.held
        if end > start:
            self.out.append(data if end - start == len(data) else data[start:end])
        self.out_len = HEADER_SIZE + self.body_len
        # Frames of one connection are often alike: the next one is asked for in one read.
        self._ask_for(self.out_len)
        self._forget_frame()
        return end

    def _begin_body(self) -> None:
        (self.body_len,) = read_length(self.len_buf, 0)
        self.state = READ_BODY

    def _ask_for(self, count: int) -> None:
        # Not more than is known to come and `READ_SIZE`: what else was read waits in `backlog`.
        self.ask = min(max(count, READ_SIZE), BYTE_BUDGET)

    def _keep(self, chunk: bytes) -> None:
        self.body_bytes_read += len(chunk)
        held = self.held
        if len(chunk) >= COALESCE_BELOW:
            held.append(chunk)
        elif isinstance(held[-1], bytearray):
            held[-1] += chunk
        else:
            held.append(bytearray(chunk))

    def _forget_frame(self) -> None:
        self.len_buf = b""
        self.body_len = 0
        self.body_bytes_read = 0
        self.held = []
        self.frame_at = 0.0

    def _refuse(self, rest: bytes, cap: int) -> None:
        (length,) = read_length(rest, 0)
        guess = looks_like(rest, cap)
        detail = f"header announces {length:,} bytes, CAP is {cap:,}"
        self.begin_close(Reason.FRAME_TOO_LARGE, f"{guess}; {detail}" if guess else detail)

    # --- bytes out ---

    def unsent(self, limit: int = BYTE_BUDGET) -> list[Chunk]:
        """The pending echo from `out_bytes_sent` on, `limit` bytes of it at most."""
        offset = self.out_bytes_sent
        chunks: list[Chunk] = []
        for chunk in self.out:
            size = len(chunk)
            if offset >= size:
                offset -= size
                continue
            whole = not offset and size <= limit
            chunks.append(chunk if whole else memoryview(chunk)[offset : offset + limit])
            limit -= len(chunks[-1])
            offset = 0
            if not limit or len(chunks) == WRITEV_MAX:
                break
        return chunks

    def sent(self, count: int) -> bool:
        """The kernel took `count` bytes of the pending echo. True if that was all of it."""
        if not self.out:
            raise IllegalTransition(f"sent with nothing pending in {self.state}")
        self.bytes_kept -= count
        self.out_bytes_sent += count
        if self.out_bytes_sent < self.out_len:
            return False
        self._forget_echo()
        if self.state is WRITE_BODY:
            self.state = READ_LEN
        return True

    def _forget_echo(self) -> None:
        self.out = []
        self.out_len = 0
        self.out_bytes_sent = 0
        self.out_frames = 0

    @property
    def pending(self) -> int:
        """Bytes of echo that the kernel has not taken yet."""
        return self.out_len - self.out_bytes_sent

    # --- the end ---

    def begin_close(self, reason: Reason, detail: str = "") -> None:
        """Take no more frames; finish the pending echo, then linger."""
        if self.state is DRAINING or self.state is CLOSED:
            raise IllegalTransition(f"begin_close in {self.state}")
        self.state = DRAINING
        self.closing = reason
        self.detail = detail
        self.backlog = b""
        self._forget_frame()

    def end_of_input(self) -> None:
        """A read gave 0 bytes: the peer sends no more. Nothing is pending, or we had not read."""
        if self.pending or self.state is CLOSED:
            raise IllegalTransition(f"end_of_input in {self.state} with {self.pending} pending")
        if self.state is DRAINING:
            self.close()
        elif self.state is READ_BODY:
            of = f"{self.body_bytes_read:,} of {self.body_len:,} body bytes"
            self.close(Reason.EOF_MID_BODY, of)
        elif self.len_buf:
            self.close(
                Reason.EOF_MID_HEADER, f"{self.len_bytes_read} of {HEADER_SIZE} header bytes"
            )
        else:
            self.close(Reason.EOF)

    def close(self, reason: Reason | None = None, detail: str = "") -> None:
        """End at once, whatever is pending. A reason that was decided earlier stands."""
        if self.state is CLOSED:
            raise IllegalTransition("close in CLOSED")
        if self.closing is None:
            self.closing = reason or Reason.ERROR
            self.detail = detail
        unsent = self.out_frames
        if unsent > 1:
            unsent -= whole_frames(b"".join(self.out)[: self.out_bytes_sent])
        self.state = CLOSED
        self.backlog = b""
        self._forget_frame()
        self._forget_echo()
        self.out_frames = unsent

    # --- what others see ---

    @property
    def frames_out(self) -> int:
        """Frames whose echo the kernel took in full."""
        return self.frames_in - self.out_frames

    @property
    def bytes_out(self) -> int:
        """Bytes of echo that the kernel took."""
        return self.bytes_in - self.bytes_kept

    @property
    def wanted_interest(self) -> int:
        """The events to be registered for; a pure function of the state."""
        if self.state is CLOSED:
            return 0
        return POLLOUT if self.out else POLLIN

    def counts(self) -> Counts:
        """The counters as they are now."""
        return Counts(
            self.frames_in,
            self.frames_out,
            self.bytes_in,
            self.bytes_out,
            self.toggles,
            self.eagains,
            self.partial_writes,
        )

    def _pending_header(self) -> bytes:
        return bytes(memoryview(self.out[0])[:HEADER_SIZE]) if self.out else b""

    def snapshot(self, epoch: float) -> Snapshot:
        """Everything there is to see; `epoch` turns the loop's clock into Unix time."""
        return Snapshot(
            t=self.active_at + epoch,
            id=self.id,
            state=self.state,
            header=self.len_buf or self._pending_header(),
            body_read=self.body_bytes_read,
            body_length=self.body_len,
            out_sent=self.out_bytes_sent,
            out_length=self.out_len,
            interest=self.interest,
            toggles=self.toggles,
            toggled_at=self.toggled_at + epoch,
            eagains=self.eagains,
            partial_writes=self.partial_writes,
            frames_in=self.frames_in,
            frames_out=self.frames_out,
            bytes_in=self.bytes_in,
            bytes_out=self.bytes_out,
            frame_at=self.frame_at + epoch if self.frame_at else 0.0,
            active_at=self.active_at + epoch,
            closing=self.closing,
            budget_hits=self.budget_hits,
        )
