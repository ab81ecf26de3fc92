"""What becomes of an echo under a fault on purpose, byte for byte, on an injected clock."""

from __future__ import annotations

from math import inf

import pytest

from app.core.fault_receipt import MOST_EFFECTS, MOST_SIZES, FaultEffect
from app.core.fault_spec import FaultSpec, parse_fault
from app.core.framing import frame, header
from app.server.faulty_echo import Act, FaultyEcho

BODIES = [b"alpha", b"", b"gamma-gamma", b"d"]
FRAMES = [frame(body) for body in BODIES]


class Played:
    """An echo that is sent under a fault, into a kernel that takes all that it is offered."""

    def __init__(self, spec: str | FaultSpec, seed: int = 1, takes: int = 1 << 30) -> None:
        read = parse_fault(spec) if isinstance(spec, str) else spec
        self.fault = FaultyEcho(read, seed)
        self.takes = takes
        self.now = 100.0
        self.sent: list[tuple[float, bytes]] = []
        self.end = ""

    def echo(self, *frames: bytes) -> Played:
        """Make the echo of these frames pending together, and send it until it ends or stalls."""
        pending = b"".join(self.fault.prepare(frames))
        assert len(pending) == sum(map(len, frames))
        while True:
            step = self.fault.next_step(self.now)
            if step.act in (Act.FIN, Act.RST):
                self.end = step.act.value
                return self
            if step.act is Act.WAIT:
                assert step.until > self.now
                if step.until == inf:
                    self.end = "stall"
                    return self
                self.now = step.until
                continue
            if not step.size:
                return self
            assert step.size <= len(pending)
            count = min(step.size, self.takes)
            self.sent.append((self.now, pending[:count]))
            self.fault.sent(count, self.now)
            pending = pending[count:]

    @property
    def data(self) -> bytes:
        return b"".join(piece for _, piece in self.sent)

    @property
    def sizes(self) -> list[int]:
        return [len(piece) for _, piece in self.sent]

    @property
    def effects(self) -> list[tuple[str, int, int]]:
        return [(effect.what, effect.frame, effect.byte) for effect in self.fault.receipt().done]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 100])
def test_a_slice_cuts_each_echo_into_pieces_of_its_size(size: int) -> None:
    played = Played(f"slice={size}").echo(*FRAMES)
    assert played.data == b"".join(FRAMES)
    at = 0
    for number, each in enumerate(FRAMES, 1):
        whole, rest = divmod(len(each), size)
        sizes = [size] * whole + [rest] * bool(rest)
        assert played.sizes[at : at + len(sizes)] == sizes
        assert played.fault.receipt().done[number - 1] == FaultEffect(
            "slice", number, 0, tuple(sizes)
        )
        at += len(sizes)


def test_cuts_are_the_first_pieces_of_each_echo() -> None:
    played = Played(FaultSpec("", cuts=(1, 3, 2))).echo(*FRAMES[:3])
    assert played.sizes == [1, 3, 2, 3, 1, 3, 1, 3, 2, 9]
    assert played.data == b"".join(FRAMES[:3])


def test_the_same_seed_makes_the_same_pieces_and_another_others() -> None:
    def receipt(seed: int) -> object:
        return Played("slice=1..9", seed).echo(frame(bytes(300))).fault.receipt().done

    assert receipt(7) == receipt(7)
    assert receipt(7) != receipt(8)
    sizes = Played("slice=3..9").echo(frame(bytes(300))).sizes
    assert set(sizes[:-1]) <= set(range(3, 10))
    assert len(set(sizes)) > 3


def test_a_gap_stands_between_two_pieces_and_no_other() -> None:
    played = Played("slice=4,gap=0.5").echo(FRAMES[0])
    assert [when for when, _ in played.sent] == [100.0, 100.5, 101.0]
    played.now = 200.0
    played.echo(FRAMES[3])
    assert [when for when, _ in played.sent[3:]] == [200.0, 200.5]


def test_a_gap_is_told_where_one_was() -> None:
    played = Played("slice=100,gap=0.2").echo(FRAMES[0])
    assert [effect.what for effect in played.fault.receipt().done] == ["slice"]
    told = Played("slice=6,gap=0.2").echo(FRAMES[0]).fault.receipt().done
    assert told == (FaultEffect("gap", 1, 6), FaultEffect("slice", 1, 0, (6, 3)))


def test_one_of_so_many_is_cut_and_the_others_go_whole() -> None:
    played = Played(FaultSpec("", cuts=(2,), every=2)).echo(*FRAMES)
    assert played.sizes == [2, 7, 4, 2, 13, 5]


def test_a_delay_comes_before_each_echo() -> None:
    played = Played("delay=2").echo(FRAMES[0], FRAMES[2])
    assert played.sent == [(102.0, FRAMES[0]), (104.0, FRAMES[2])]
    assert played.effects == [("delay", 1, 0), ("delay", 2, 0)]


@pytest.mark.parametrize("rate", [100, 5_000, 1_000_000])
def test_a_rate_is_kept_over_any_second(rate: int) -> None:
    played = Played(f"rate={rate}").echo(frame(bytes(3 * rate)))
    assert played.now - 100.0 == pytest.approx(3.0, abs=0.2)
    for start, _ in played.sent:
        within = sum(len(piece) for when, piece in played.sent if start <= when < start + 1)
        assert within <= rate * 1.11 + 2


@pytest.mark.parametrize(("word", "end"), [("stall", "stall"), ("eof", "fin"), ("reset", "rst")])
@pytest.mark.parametrize("at", [0, 1, 3, 4, 9, 11, 13])
@pytest.mark.parametrize("cut", ["", "slice=2,"])
def test_an_end_lets_exactly_so_many_bytes_out(word: str, end: str, at: int, cut: str) -> None:
    played = Played(f"{cut}{word}@{at}").echo(FRAMES[0], FRAMES[1])
    assert played.data == (FRAMES[0] + FRAMES[1])[:at]
    if at == 13 and word == "stall":  # all is out, and nothing more is pending
        assert played.end == ""
        played.echo(FRAMES[2])
    assert played.end == end
    (effect,) = [effect for effect in played.fault.receipt().done if effect.what == word]
    inside = 9 if at >= 9 else 0
    assert (effect.frame, effect.byte) == (2 if inside else 1, at - inside) if at < 13 else (3, 0)


def test_an_end_in_a_later_echo_waits_for_it() -> None:
    played = Played("reset@12").echo(FRAMES[0])
    assert (played.data, played.end) == (FRAMES[0], "")
    played.echo(FRAMES[2])
    assert (played.data, played.end) == (FRAMES[0] + FRAMES[2][:3], "rst")
    assert played.effects == [("reset", 2, 3)]


@pytest.mark.parametrize(("at", "number", "byte"), [(0, 1, 0), (8, 1, 8), (9, 2, 0), (14, 3, 1)])
def test_one_bit_of_one_byte_is_flipped(at: int, number: int, byte: int) -> None:
    played = Played(f"corrupt@{at}")
    for each in FRAMES:
        played.echo(each)
    right = b"".join(FRAMES)
    wrong = [index for index in range(len(right)) if right[index] != played.data[index]]
    assert wrong == [at]
    assert (right[at] ^ played.data[at]).bit_count() == 1
    assert played.effects == [("corrupt", number, byte)]


def test_a_length_is_wrong_in_each_header_and_never_below_0() -> None:
    assert Played("length+3").echo(*FRAMES[:1]).data == header(8) + b"alpha"
    played = Played("length-2").echo(FRAMES[0], FRAMES[3], FRAMES[1])
    assert played.data == header(3) + b"alpha" + header(0) + b"d" + header(0)
    assert played.effects == [("length", 1, 0), ("length", 2, 0)]


def test_two_that_are_ready_together_change_places() -> None:
    played = Played("swap").echo(*FRAMES[:3])
    assert played.data == FRAMES[1] + FRAMES[0] + FRAMES[2]
    played.echo(FRAMES[3])
    assert played.data.endswith(FRAMES[3])
    assert played.effects == [("swap", 1, 0), ("swap", 2, 0)]


def test_a_piece_that_the_kernel_takes_in_parts_is_told_as_the_parts() -> None:
    played = Played("slice=5", takes=3).echo(FRAMES[2])
    assert played.sizes == [3, 2, 3, 2, 3, 2]
    assert played.fault.receipt().done[0].pieces == (3, 2, 3, 2, 3, 2)


def test_a_fault_that_comes_later_counts_from_the_connections_first_byte() -> None:
    fault = FaultyEcho(parse_fault("reset@12"), 1, bytes_out=9, frames_out=1)
    fault.prepare([FRAMES[2]])
    assert fault.next_step(0.0).size == 3
    fault.sent(3, 0.0)
    assert fault.next_step(0.0).act is Act.RST
    assert fault.receipt().done == (FaultEffect("reset", 2, 3),)
    late = FaultyEcho(parse_fault("reset@12"), 1, bytes_out=30, frames_out=3)
    late.prepare([FRAMES[2]])
    assert late.next_step(0.0).act is Act.RST


def test_a_receipt_is_bounded_and_counts_the_rest() -> None:
    played = Played("slice=1")
    for _ in range(2):
        played.echo(frame(bytes(700)))
    receipt = played.fault.receipt()
    assert sum(len(effect.pieces) for effect in receipt.done) == MOST_SIZES
    assert receipt.more == 2 * 704 - MOST_SIZES
    played = Played("delay=1")
    for _ in range(MOST_EFFECTS + 30):
        played.echo(FRAMES[1])
    assert (len(played.fault.receipt().done), played.fault.receipt().more) == (MOST_EFFECTS, 30)
