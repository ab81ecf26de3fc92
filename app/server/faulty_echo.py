"""A fault on purpose: what becomes of the echo of one connection, byte for byte.

It decides; `app.server.faults` does. No clock is read and no socket touched here. Bytes
and frames are counted over the whole connection, so a SPEC that comes late to a connection may
find its byte gone by.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import accumulate
from math import inf
from random import Random
from typing import Final, NamedTuple

from ..core.fault_receipt import MOST_EFFECTS, MOST_SIZES, FaultEffect, FaultReceipt
from ..core.fault_spec import FaultSpec
from ..core.framing import HEADER_SIZE, header, read_length
from .broken_frame import Chunk

RATE_STEP: Final = 0.05
"""Seconds between two looks at what a `rate` allows; what two of them allow is sent at once."""
_LARGEST: Final = 0xFFFF_FFFF


class Act(Enum):
    """The next thing to be done with the pending echo."""

    SEND = "send"
    WAIT = "wait"
    FIN = "fin"
    RST = "rst"


class Step(NamedTuple):
    """The next step."""

    act: Act
    size: int = 0
    """Bytes to be written with one call, of `SEND`; 0 if nothing is pending."""
    until: float = inf
    """The time to ask again, of `WAIT`; ``inf`` is never."""
    is_piece: bool = False
    """Whether it is to be a segment of its own."""


class FaultyEcho:
    """The fault of one connection; in the loop's thread only. Times are on the loop's clock."""

    def __init__(
        self,
        spec: FaultSpec,
        seed: int,
        bytes_out: int = 0,
        frames_out: int = 0,
        pending: Sequence[int] = (),
        begun: int = 0,
        before: FaultReceipt | None = None,
    ) -> None:
        """`bytes_out` and `frames_out` are those of the connection so far, and `pending` has the
        sizes of the echoes that are pending, of whose first `begun` bytes have left. Nothing of
        these is changed any more. `before` is what earlier faults have done.
        """
        self.spec = spec
        self.seed = seed
        self.aside: Sequence[Chunk] = ()
        """Echoes that wait until more frames are complete, in order."""
        self.aside_frames = 0
        """The number of them."""
        self._random = Random(seed)
        self._let_out = bytes_out
        self._ready = bytes_out + sum(pending) - begun  # bytes of echo that `prepare` has had
        self._frame = frames_out + 1  # the number of the frame that is being sent
        self._byte = begun  # the next byte of it
        self._sizes = deque(pending)  # of the echoes that are pending, the first as it was
        self.joined_at = inf
        """Since when the next piece has waited for the peer to read the one before; ``inf``: no."""
        self.read_at = inf
        """When it was first seen that the peer had; ``inf``: it has not been seen."""
        self._piece = 0  # bytes left of the piece that was begun
        self._piece_at = 0.0  # when the next piece may begin
        self._delayed = 0  # the frame whose delay is over, or runs
        self._delay_until = 0.0
        self._rated_at: float | None = None
        self._allowance = 0.0  # bytes that `rate` allows
        # What was changed, each with the number of its byte among all of echo, until that has left.
        self._planned: deque[tuple[int, FaultEffect]] = deque()
        self._effects: list[FaultEffect] = [] if before is None else list(before.done)
        self._pieces: list[int] = []  # of the frame that is being sent
        self._pieces_at = 0  # the byte of it with which the first of them begins
        self._sizes_listed = 0
        self._more = 0 if before is None else before.more
        self._told: set[tuple[str, int]] = set()
        self._kept = bytearray()  # the first bytes of echo that became pending

    def receipt(self) -> FaultReceipt:
        """Return what was done so far."""
        effects = list(self._effects)
        if self._pieces:
            effects.append(self._slices())
        return FaultReceipt(self.spec.text, self.seed, tuple(effects), self._more)

    def _slices(self) -> FaultEffect:
        return FaultEffect("slice", self._frame, self._pieces_at, tuple(self._pieces))

    @property
    def pending(self) -> tuple[list[int], int]:
        """The sizes of the echoes that are pending, and how many bytes of the first have left."""
        return list(self._sizes), self._byte

    @property
    def echo(self) -> bytes:
        """The first bytes that were let out, where the SPEC keeps them."""
        return bytes(self._kept[: self._let_out])

    # --- the bytes ---

    def prepare(self, chunks: Iterable[Chunk]) -> Sequence[Chunk]:
        """Change the echo that becomes pending: whole frames. Its size stays what it is."""
        spec, echo = self.spec, b"".join(chunks)
        frames = _frames(echo)
        first = self._frame + len(self._sizes)
        if spec.swap:
            for index in range(0, len(frames) - 1, 2):
                frames[index], frames[index + 1] = frames[index + 1], frames[index]
        swapped = 2 * (len(frames) // 2) if spec.swap else 0
        if spec.coalesce and len(frames) > 1:
            self.note_once("coalesce", first, 0)
        changed = bytearray().join(frames)
        at = 0
        for number, frame in enumerate(frames, first):
            if number - first < swapped:
                self._plan(at, "swap", number, 0)
            if spec.length:
                (length,) = read_length(frame)
                wrong = min(max(0, length + spec.length), _LARGEST)
                if wrong != length:
                    changed[at : at + HEADER_SIZE] = header(wrong)
                    self._plan(at, "length", number, 0)
            if spec.corrupt is not None:
                byte = spec.corrupt - self._ready
                if at <= byte < at + len(frame):
                    changed[byte] ^= 1 << self._random.randrange(8)
                    self._plan(byte, "corrupt", number, byte - at)
            at += len(frame)
            self._sizes.append(len(frame))
        self._ready += len(echo)
        self._kept += changed[: max(0, spec.keep - len(self._kept))]
        return [bytes(changed)]

    # --- when and how much ---

    def next_step(self, now: float) -> Step:
        """Say what to do next; to be asked again after each `sent`, also with nothing pending."""
        spec = self.spec
        end = _end_of(spec)
        if end is not None and self._has_reached(end):
            self.note_once(end.word, self._frame, self._byte)
            return Step(end.act)
        if not self._sizes:
            return Step(Act.SEND)
        is_treated = self._is_treated()
        is_cut = is_treated and bool(spec.slice or spec.cuts)
        if spec.delay and is_treated and self._delayed != self._frame and not self._byte:
            self._delayed, self._delay_until = self._frame, now + spec.delay
            self.note("delay", self._frame, 0)
        if now < max(self._delay_until, self._piece_at):
            if now < self._piece_at:
                self.note_once("gap", self._frame, self._byte)
            return Step(Act.WAIT, until=max(self._delay_until, self._piece_at))
        is_single = is_cut or spec.delay or spec.every > 1
        count = self._sizes[0] - self._byte if is_single else self._left()
        if is_cut:
            if not self._piece:
                self._piece = self._next_piece()
            count = min(count, self._piece)
        if end is not None:
            count = min(count, end.at - self._let_out)
        if spec.rate:
            allowed = self._allowed(now)
            least = min(HEADER_SIZE + 1, self._sizes[0])
            if allowed < (least if spec.has_whole_headers and not self._byte else 1):
                self.note_once("rate", self._frame, self._byte)
                return Step(Act.WAIT, until=now + RATE_STEP)
            count = min(count, allowed)
        return Step(Act.SEND, count, is_piece=is_cut)

    def _is_treated(self) -> bool:
        """Whether the frame that is being sent is one that is to be cut, or late."""
        return (self._frame - 1) % self.spec.every == 0

    def sent(self, count: int, now: float) -> None:
        """Note that the kernel took `count` bytes of what `next_step` asked for, in one call."""
        spec = self.spec
        self._let_out += count
        self._allowance -= count
        self.joined_at = self.read_at = inf
        while self._planned and self._planned[0][0] < self._let_out:
            self._list(self._planned.popleft()[1])
        if self._is_treated() and (spec.slice or spec.cuts):
            self._note_piece(count)
            self._piece -= count
            if not self._piece or self._byte + count == self._sizes[0]:
                self._piece = 0
                if spec.gap:
                    self._piece_at = now + spec.gap
        while count:
            step = min(count, self._sizes[0] - self._byte)
            self._byte += step
            count -= step
            if self._byte == self._sizes[0]:
                self._finish_frame()

    def _has_reached(self, end: _End) -> bool:
        """Whether an end is due: nothing more may be let out, or the byte has gone by already.

        With nothing pending a stall holds nothing, and an end before the first byte waits for it.
        """
        if self._let_out < end.at:
            return False
        return bool(self._sizes) or (end.act is not Act.WAIT and self._let_out > 0)

    def _next_piece(self) -> int:
        """Draw the size of the piece that begins, or take it from the `cuts`."""
        if self.spec.slice:
            return self._random.randint(*self.spec.slice)
        ends = (end - self._byte for end in accumulate(self.spec.cuts))
        return next((size for size in ends if size > 0), self._sizes[0] - self._byte)

    def _left(self) -> int:
        return sum(self._sizes) - self._byte

    def _allowed(self, now: float) -> int:
        if self._rated_at is not None:
            self._allowance += (now - self._rated_at) * self.spec.rate
        self._rated_at = now
        self._allowance = min(self._allowance, HEADER_SIZE + 1 + 2 * RATE_STEP * self.spec.rate)
        return int(self._allowance)

    def _finish_frame(self) -> None:
        if self._pieces:
            self._list(self._slices())
            self._pieces.clear()
        self._sizes.popleft()
        self._frame += 1
        self._byte = 0

    # --- the receipt ---

    def _plan(self, at: int, what: str, frame: int, byte: int) -> None:
        """List a change of the echo that becomes pending once byte `at` of it has left."""
        self._planned.append((self._ready + at, FaultEffect(what, frame, byte)))

    def _note_piece(self, size: int) -> None:
        if not self._pieces:
            self._pieces_at = self._byte
        if len(self._effects) >= MOST_EFFECTS or self._sizes_listed >= MOST_SIZES:
            self._more += 1
        else:
            self._sizes_listed += 1
            self._pieces.append(size)

    def note_once(self, what: str, frame: int, byte: int) -> None:
        """List it unless the same was done to this frame before."""
        if (what, frame) not in self._told:
            if len(self._told) > MOST_EFFECTS:
                self._told.clear()
            self._told.add((what, frame))
            self.note(what, frame, byte)

    def note(self, what: str, frame: int, byte: int) -> None:
        """List that `what` was done to a byte of a frame."""
        self._list(FaultEffect(what, frame, byte))

    def _list(self, effect: FaultEffect) -> None:
        if len(self._effects) < MOST_EFFECTS:
            self._effects.append(effect)
        else:
            self._more += 1


class _End(NamedTuple):
    """The end of an echo on purpose."""

    at: int
    """Bytes of echo before it."""
    word: str
    act: Act


def _end_of(spec: FaultSpec) -> _End | None:
    if spec.stall is not None:
        return _End(spec.stall, "stall", Act.WAIT)
    if spec.reset is not None:
        return _End(spec.reset, "reset", Act.RST)
    return None if spec.eof is None else _End(spec.eof, "eof", Act.FIN)


def pending_of(echo: bytes, sent: int) -> tuple[list[int], int]:
    """Return the sizes of the frames in `echo` of which bytes are pending, and how many of the
    first have left, once `sent` bytes of it have.
    """
    sizes = list(map(len, _frames(echo)))
    while sizes and sent >= sizes[0]:
        sent -= sizes.pop(0)
    return sizes, sent


def _frames(echo: bytes) -> list[bytes]:
    frames, at = [], 0
    while at < len(echo):
        end = at + HEADER_SIZE + read_length(echo, at)[0]
        frames.append(echo[at:end])
        at = end
    return frames
