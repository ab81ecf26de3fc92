"""How frames that come in pieces are counted: gaps behind headers, single bytes, empty frames."""

from __future__ import annotations

import random

import pytest

from app.core.events import Reason
from app.core.framing import frame, header
from app.core.habits import EMPTY_AGAIN, LATE_AGAIN, SINGLE_AGAIN, Habits
from app.server.connection import Connection
from app.server.noting import note_end, note_length, note_piece, note_stop

CAP = 1 << 20
EPOCH = 1_000.0


class Sender:
    """A client whose reads arrive at given times, as `Serving` hands them to a connection."""

    def __init__(self) -> None:
        self.now = 10.0
        self.connection = Connection(1, 7, "127.0.0.1:9", self.now)

    def send(self, data: bytes, after: float = 0.0) -> None:
        """Let `data` arrive in one read, `after` seconds later."""
        connection, machine = self.connection, self.connection.machine
        self.now += after
        if machine.len_buf:
            note_piece(connection, len(data), self.now)
        connection.active_at = self.now
        if machine.receive(data, CAP, self.now):
            machine.sent(machine.pending)

    def send_cut(self, data: bytes, size: int, gap: float) -> None:
        """Let `data` arrive in pieces of `size` bytes, `gap` seconds apart."""
        for at in range(0, len(data), size):
            self.send(data[at : at + size], gap)

    @property
    def habits(self) -> Habits:
        arrivals = self.connection.arrivals
        return Habits() if arrivals is None else arrivals.to_habits(EPOCH)


@pytest.mark.parametrize("gap", [0.0305, 0.035, 0.04, 0.045, 0.052])
@pytest.mark.parametrize("size", [1, 20, 1_400, 70_000])
def test_a_body_some_40_ms_behind_its_header_is_late(gap: float, size: int) -> None:
    sender = Sender()
    for number in range(1, LATE_AGAIN + 3):
        data = frame(b"x" * size)
        sender.send(data[:4], 0.2)
        sender.send(data[4:30], gap)
        if data[30:]:
            sender.send(data[30:], 0.004)
        assert sender.habits.late_bodies == sender.habits.headers_alone == number
        assert bool(sender.habits.late_since) is (number >= LATE_AGAIN)
    assert sender.habits.late_least_us == pytest.approx(gap * 1e6, abs=2)


@pytest.mark.parametrize("gap", [0.0, 0.001, 0.02, 0.028, 0.07, 0.1, 0.2, 1.0])
def test_another_gap_is_not(gap: float) -> None:
    sender = Sender()
    for _ in range(50):
        sender.send(header(20), 0.2)
        sender.send(b"x" * 20, gap)
    assert (sender.habits.late_bodies, sender.habits.late_since) == (0, 0.0)


def test_nor_is_a_body_that_goes_on_in_pieces() -> None:
    sender = Sender()
    for _ in range(50):
        sender.send_cut(frame(b"hello, world"), 4, 0.045)
    assert (sender.habits.late_bodies, sender.habits.late_since) == (0, 0.0)


def test_nor_is_a_pause_elsewhere_in_the_frame() -> None:
    sender = Sender()
    for cut in (1, 2, 3, 5, 8):
        for _ in range(20):
            data = frame(b"hello, world")
            sender.send(data[:cut], 0.2)
            sender.send(data[cut:], 0.04)
    assert sender.habits.late_since == 0.0


def test_one_late_body_in_two_is_no_habit_and_many_are_forgiven_a_few() -> None:
    sender = Sender()
    for number in range(60):
        sender.send(header(20), 0.2)
        sender.send(b"x" * 20, 0.04 if number % 2 else 0.0)
        assert not sender.habits.late_since
    for number in range(60):
        sender.send(header(20), 0.2)
        sender.send(b"x" * 20, 0.0 if number % 10 == 5 else 0.04)
        assert bool(sender.habits.late_since) or number < 12
    for _ in range(9):
        sender.send(header(20), 0.2)
        sender.send(b"x" * 20)
    assert not sender.habits.late_since


def test_a_frame_that_is_written_byte_by_byte_is_counted() -> None:
    sender = Sender()
    while sender.habits.single_bytes < SINGLE_AGAIN:
        assert not sender.habits.single_since
        sender.send_cut(frame(b"hello, world"), 1, 0.0001)
    assert sender.habits.single_since


def test_bytes_that_come_together_now_and_then_change_nothing() -> None:
    sender, draw = Sender(), random.Random(7)
    for _ in range(60):
        data = frame(b"x" * 60)
        while data:
            size = draw.choice([1, 1, 3, 6, 9])
            sender.send(data[:size], 0.0001)
            data = data[size:]
    assert sender.habits.single_since


@pytest.mark.parametrize("size", [2, 3, 4, 5, 7, 64, 1_000])
@pytest.mark.parametrize("body", [1, 2, 5, 9, 200])
def test_pieces_of_any_other_size_are_no_single_bytes(size: int, body: int) -> None:
    sender = Sender()
    for _ in range(100):
        sender.send_cut(frame(b"x" * body), size, 0.001)
    assert (sender.habits.single_bytes, sender.habits.single_since) == (0, 0.0)


def test_a_short_body_behind_its_header_is_no_single_byte() -> None:
    sender = Sender()
    for _ in range(100):
        sender.send(header(1), 0.001)
        sender.send(b"x", 0.001)
    assert (sender.habits.single_bytes, sender.habits.single_since) == (0, 0.0)


def test_frames_that_come_whole_are_not_counted_at_all() -> None:
    sender, draw = Sender(), random.Random(5)
    for _ in range(200):
        bodies = [b"x" * draw.randrange(300) for _ in range(draw.randrange(1, 9))]
        sender.send(b"".join(map(frame, bodies)), draw.random())
        sender.connection.machine.take_backlog()
    assert sender.connection.arrivals is None


@pytest.mark.parametrize(
    ("lengths", "is_so"), [((0,), True), ((5, 0), True), ((0, 5, 5, 5), False)]
)
def test_empty_frames_are_told_from_a_third_on(lengths: tuple[int, ...], is_so: bool) -> None:
    sender = Sender()
    for number in range(EMPTY_AGAIN * len(lengths)):
        assert not sender.habits.empty_since
        note_length(sender.connection, lengths[number % len(lengths)], sender.now)
    assert bool(sender.habits.empty_since) is is_so


def test_the_end_inside_a_body_says_how_much_was_missing() -> None:
    sender = Sender()
    sender.send(frame(b"right"))
    sender.send(header(9) + b"hello")
    sender.connection.machine.end_of_input()
    assert sender.connection.machine.closing is Reason.EOF_MID_BODY
    note_end(sender.connection, None)
    assert sender.habits.missing == 4


@pytest.mark.parametrize("sent", [frame(b"right"), header(9)[:3], header(9), header(CAP + 1)])
def test_an_end_elsewhere_misses_nothing(sent: bytes) -> None:
    sender = Sender()
    sender.send(sent)
    if sender.connection.machine.closing is None:
        sender.connection.machine.close(Reason.RESET)
    note_end(sender.connection, 0)
    assert sender.connection.arrivals is None


def test_a_stop_is_news_once() -> None:
    connection = Sender().connection
    assert not note_stop(connection, 0.0, 0)
    assert connection.arrivals is None
    assert note_stop(connection, 12.0, 500)
    assert not note_stop(connection, 12.0, 500)
    assert connection.snapshot(EPOCH).habits == Habits(stopped_since=1_012.0, waiting=500)
    assert note_stop(connection, 0.0, 0)
