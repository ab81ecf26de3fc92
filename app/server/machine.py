"""The state machine of one connection: bytes in, bytes out. It touches no socket and no clock.

    READ_LEN    0 to 4 header bytes read. With none, the connection is between frames.
    READ_BODY   the header is known and within the CAP; the body is arriving.
    WRITE_BODY  an echo is pending. Nothing is read meanwhile: that is the backpressure.
    DRAINING    the end is decided (`closing` is the reason). A pending echo is still written, then
                the connection lingers until the peer has acknowledged it: input is discarded.
    CLOSED      nothing more happens.

    READ_LEN → READ_BODY → WRITE_BODY → READ_LEN, any of them → DRAINING → CLOSED or → CLOSED.
    A frame that arrives whole in one read goes from READ_LEN to WRITE_BODY in one call.

The rules:

1. The CAP is judged once, when a header is complete. A body that is being read is finished under
   the CAP that it started with.
2. A body is echoed when it is complete (store and forward). Frames that are complete in one read
   leave in one write, as the bytes that were read: header and body need no rebuilding.
3. A body of length 0 is a body. A read of 0 bytes is EOF, which has a call of its own
   (`end_of_input`). The source document's code confuses the two.
4. Bytes that were read behind the frames being echoed wait unparsed in `backlog`, one read at most.
5. One call parses at most `FRAME_BUDGET` frames, so that a flood of tiny ones cannot hold the loop.
6. Memory for a body grows with the bytes that arrive, never with the length that was announced.

`state` is assigned in this file only. A call that is not legal in it raises `IllegalTransition` and
changes nothing. The tests have the table of all transitions (`tests/server/test_machine.py`): a
look-up at run time would find nothing, and would cost 0.1 µs a change.

The offsets have the source document's names (its section 8): ``len_bytes_read``,
``body_bytes_read`` of ``body_len``, ``out_bytes_sent`` of ``out_len``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Final

from ..core.events import POLLIN, POLLOUT, ConnectionState, Reason
from ..core.framing import HEADER_SIZE, read_length, whole_frames
from .broken_frame import LEAD, MOST, BrokenFrame, Chunk, start_of
from .budgets import BYTE_BUDGET, FRAME_BUDGET, WRITEV_MAX

READ_LEN: Final = ConnectionState.READ_LEN
READ_BODY: Final = ConnectionState.READ_BODY
WRITE_BODY: Final = ConnectionState.WRITE_BODY
DRAINING: Final = ConnectionState.DRAINING
CLOSED: Final = ConnectionState.CLOSED

COALESCE_BELOW: Final = 16 * 1024
"""Chunks of a body smaller than this many bytes are joined: a dribbled body costs its size, not an
object for each byte."""
MOST_PINNED: Final = 64 * 1024
"""Bytes of a read that an echo of a part of it may keep; a part of a longer one is copied."""


class IllegalTransition(RuntimeError):
    """A call that the state does not allow: a fault of ours, never of the peer."""


class EchoMachine:
    """The protocol of one connection: its state, its offsets, and what it has counted.

    Only the loop's thread uses it. The loop's hot path serves whole frames without it: such a
    frame leaves the state as it was, and is counted in `app.server.connection.Connection`.
    """

    __slots__ = (
        "backlog broken body_bytes_read body_len bytes_in bytes_kept closing detail frame_at "
        "frames_in held input_ended len_buf out out_bytes_sent out_frames out_len state"
    ).split()

    def __init__(self) -> None:
        self.state = READ_LEN
        self.closing: Reason | None = None
        """The reason of the close, once it is decided."""
        self.detail = ""
        """The cause of the reason, in a few words; may be empty."""
        self.broken: BrokenFrame | None = None
        """The frame that has failed, once the end is decided."""
        self.input_ended = False
        """Whether EOF was read: the peer sends no more."""

        self.len_buf = b""
        """The header bytes of the frame in flight, 0 to 4."""
        self.body_len = 0
        self.body_bytes_read = 0
        self.held: list[Chunk] = _NOTHING
        """The frame in flight as it was read, header included."""
        self.frame_at = 0.0
        """When the frame in flight began, as `receive` was told; 0 between frames."""
        self.backlog = b""
        """Bytes that were read behind the pending echo's frames and are not parsed yet."""

        self.out: Sequence[Chunk] = ()
        """The pending echo."""
        self.out_len = 0
        self.out_bytes_sent = 0
        self.out_frames = 0
        """Frames in the pending echo; once it is given up, those that were not sent in full."""

        self.frames_in = 0
        """Frames received in full."""
        self.bytes_in = 0
        """Bytes received."""
        self.bytes_kept = 0
        """Bytes received that are not sent back: still held, pending, or discarded."""

    # --- bytes in ---

    @property
    def len_bytes_read(self) -> int:
        """Header bytes read of the frame in flight, 0 to 4."""
        return len(self.len_buf)

    def receive(self, data: bytes, cap: int, now: float, counted: bool = False) -> bool:
        """Parse what was read; True if an echo is pending now.

        False leaves the machine waiting for the rest of a frame, or DRAINING because a header
        announced more than `cap` bytes and no whole frame came before it. `now` becomes `frame_at`
        if a frame begins. `counted` says that `data` is a backlog, whose bytes were counted when
        they were read. Raises `IllegalTransition` unless the state is READ_LEN or READ_BODY.
        """
        if self.state is not READ_LEN and self.state is not READ_BODY:
            raise IllegalTransition(f"receive in {self.state}")
        size = len(data)
        if not counted:
            self.bytes_in += size
            self.bytes_kept += size
        start = frames = 0
        echo: list[Chunk] = []
        if self.len_buf:
            start = self._continue_frame(data, cap)
            if not start:
                return False
            echo = self.held
            self.out_len = HEADER_SIZE + self.body_len
            self._forget_frame()
            frames = 1
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
                self._refuse(data, 0, cap)
            else:
                self._begin_frame(data, now)
            return False
        if end > start:
            if end == size and not start:
                echo.append(data)
            elif size > MOST_PINNED:
                echo.append(data[start:end])
            else:
                echo.append(memoryview(data)[start:end])
            self.out_len += end - start
        self.out = echo
        self.out_frames = frames
        self.frames_in += frames
        if refused:
            lead = end
            while start < end - LEAD:
                start += HEADER_SIZE + read_length(data, start)[0]
            self._refuse(data[start:], lead - start, cap)
        else:
            self.state = WRITE_BODY
            if end < size:
                self.backlog = data[end:]
        return True

    def discard(self, count: int) -> None:
        """Count `count` bytes that were read and thrown away."""
        self.bytes_in += count
        self.bytes_kept += count

    def restamp(self, began: float, now: float) -> None:
        """Set `frame_at` to `now` if the frame in flight has begun at `began` or later."""
        if self.frame_at >= began:
            self.frame_at = now

    def take_backlog(self) -> bytes:
        """Remove and return the bytes behind the last echo that are not parsed yet."""
        data, self.backlog = self.backlog, b""
        return data

    def _begin_frame(self, data: bytes, now: float) -> None:
        """Keep the start of a frame; its header, if it is complete, is within the CAP."""
        self.frame_at = now
        self.len_buf = data[:HEADER_SIZE]
        if len(data) >= HEADER_SIZE:
            self._begin_body(data)
            self.body_bytes_read = len(data) - HEADER_SIZE

    def _begin_body(self, held: bytes) -> None:
        (self.body_len,) = read_length(self.len_buf)
        self.held = [held]
        self.state = READ_BODY

    def _continue_frame(self, data: bytes, cap: int) -> int:
        """Add to the frame in flight; return where it ends in `data`, or 0 if it goes on."""
        start = 0
        if self.state is READ_LEN:
            start = HEADER_SIZE - len(self.len_buf)
            self.len_buf += data[:start]
            if len(self.len_buf) < HEADER_SIZE:
                return 0
            (length,) = read_length(self.len_buf)
            if length > cap:
                self._refuse(self.len_buf + data[start:], 0, cap)
                return 0
            self._begin_body(self.len_buf)
        end = start + self.body_len - self.body_bytes_read
        if end > len(data):
            self._keep(data[start:])
            return 0
        if end > start:
            self.held.append(data if end - start == len(data) else data[start:end])
        return end

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
        self.held = _NOTHING
        self.frame_at = 0.0

    def _refuse(self, rest: bytes, lead: int, cap: int) -> None:
        """Refuse the header at `lead` in `rest`, all that is received; right frames come before."""
        (length,) = read_length(rest, lead)
        at = self.bytes_in - len(rest) + lead
        self.broken = BrokenFrame(at, lead, rest[: lead + MOST], cap)
        detail = f"header announces {length:,} bytes, CAP is {cap:,}"
        self.begin_close(Reason.FRAME_TOO_LARGE, detail)

    # --- bytes out ---

    def unsent(self, limit: int = BYTE_BUDGET) -> list[Chunk]:
        """The next `limit` bytes at most of the pending echo, in `WRITEV_MAX` chunks at most."""
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
        """Note that the kernel took `count` bytes of the pending echo; True if that was the rest.

        Raises `IllegalTransition` if no echo is pending.
        """
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

    def set_echo(self, out: Sequence[Chunk], frames: int) -> None:
        """Put `out` in place of a pending echo of which nothing is sent; with none, read on."""
        self.out, self.out_frames = out, frames
        self.out_len = sum(map(len, out))
        if self.state is not DRAINING:
            self.state = WRITE_BODY if out else READ_LEN

    def _forget_echo(self) -> None:
        self.out = ()
        self.out_len = 0
        self.out_bytes_sent = 0
        self.out_frames = 0

    @property
    def pending(self) -> int:
        """Bytes of echo that the kernel has not taken yet."""
        return self.out_len - self.out_bytes_sent

    # --- the end ---

    def begin_close(self, reason: Reason, detail: str = "") -> None:
        """Take no more frames; the pending echo may still be sent, then the connection lingers.

        Raises `IllegalTransition` in DRAINING and CLOSED.
        """
        if self.state is DRAINING or self.state is CLOSED:
            raise IllegalTransition(f"begin_close in {self.state}")
        if self.len_buf:
            self.broken = self.broken or self.frame_in_flight()
            self._forget_frame()
        self.state = DRAINING
        self.closing = reason
        self.detail = detail
        self.backlog = b""

    def end_of_input(self) -> None:
        """Note that a read gave 0 bytes: the peer sends no more, and the end is decided.

        The state is DRAINING then: the peer may still fetch what was written. Raises
        `IllegalTransition` while an echo is pending, since nothing is read then, and in CLOSED.
        """
        if self.pending or self.state is CLOSED:
            raise IllegalTransition(f"end_of_input in {self.state} with {self.pending} pending")
        if self.state is READ_BODY:
            of = f"{self.body_bytes_read:,} of {self.body_len:,} body bytes"
            self.begin_close(Reason.EOF_MID_BODY, of)
        elif self.len_buf:
            of = f"{self.len_bytes_read} of {HEADER_SIZE} header bytes"
            self.begin_close(Reason.EOF_MID_HEADER, of)
        elif self.state is not DRAINING:
            self.begin_close(Reason.EOF)
        self.input_ended = True

    def abandon_echo(self) -> None:
        """Give up what the kernel has not accepted of the pending echo, if there is one.

        Raises `IllegalTransition` unless the state is DRAINING.
        """
        if self.state is not DRAINING:
            raise IllegalTransition(f"abandon_echo in {self.state}")
        unsent = self._unsent_frames()
        self._forget_echo()
        self.out_frames = unsent

    def overrule(self, reason: Reason, detail: str) -> None:
        """Set the reason of the close; one that was decided earlier goes into the detail.

        For an end of which the peer sees something else than of the one that was decided.
        """
        if self.closing is not None and (self.closing is not reason or self.detail):
            why = f" ({self.detail})" if self.detail else ""
            detail = f"{detail}; it was ending as {self.closing}{why}"
        self.closing = reason
        self.detail = detail

    def close(self, reason: Reason | None = None, detail: str = "") -> None:
        """End at once, whatever is pending.

        A reason that was decided earlier stands. Raises `IllegalTransition` in CLOSED.
        """
        if self.state is CLOSED:
            raise IllegalTransition("close in CLOSED")
        if self.closing is None:
            self.closing = reason or Reason.ERROR
            self.detail = detail
            if self.len_buf:
                self.broken = self.frame_in_flight()
        self.state = CLOSED
        self.backlog = b""
        if self.len_buf:
            self._forget_frame()
        if self.out_frames:
            unsent = self._unsent_frames()
            self._forget_echo()
            self.out_frames = unsent

    def add_detail(self, words: str) -> None:
        """Add to the cause of the reason what happened later."""
        self.detail = f"{self.detail}, then: {words}" if self.detail else words

    def _unsent_frames(self) -> int:
        """Frames received in full whose echo the kernel has not accepted in full."""
        if self.out_frames > 1 and self.out:
            with contextlib.suppress(MemoryError):  # then those that were sent count as unsent
                return self.out_frames - whole_frames(b"".join(self.out)[: self.out_bytes_sent])
        return self.out_frames

    # --- what others see ---

    def frame_in_flight(self) -> BrokenFrame | None:
        """Return the frame that is arriving, as far as it has come; None between frames."""
        if not self.len_buf:
            return None
        at = self.bytes_in - len(self.backlog) - len(self.len_buf) - self.body_bytes_read
        return BrokenFrame(at, 0, start_of(self.held or (self.len_buf,)))

    @property
    def wanted_interest(self) -> int:
        """The events to be registered for: a pure function of the state."""
        if self.out:
            return POLLOUT
        # After EOF a descriptor is readable for ever.
        return 0 if self.state is CLOSED or self.input_ended else POLLIN

    @property
    def header(self) -> bytes:
        """The header bytes of the frame in flight, 0 to 4, or those of the pending echo's first."""
        return self.len_buf or (bytes(memoryview(self.out[0])[:HEADER_SIZE]) if self.out else b"")


_NOTHING: Final[list[Chunk]] = []
"""Shared by machines between frames, and never changed: an empty list for each costs 56 bytes."""
