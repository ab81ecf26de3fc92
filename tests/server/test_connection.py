"""The state machine alone: bytes in, bytes out, no socket."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.events import POLLIN, POLLOUT, ConnectionState, Reason
from app.core.framing import HEADER_SIZE, frame, header
from app.server.connection import (
    CLOSED,
    COALESCE_BELOW,
    DRAINING,
    FRAME_BUDGET,
    READ_BODY,
    READ_LEN,
    READ_SIZE,
    TRANSITIONS,
    WRITE_BODY,
    WRITEV_MAX,
    Connection,
    IllegalTransition,
)

CAP = 1000
Step = Callable[[], object]


class Machine:
    """A connection driven as the loop drives it; every change of state is checked."""

    def __init__(self, cap: int = CAP) -> None:
        self.connection = Connection(1, 7, "peer", 0.0)
        self.cap = cap
        self.echo = b""

    def step(self, step: Step) -> object:
        before = self.connection.state
        result = step()
        after = self.connection.state
        assert after is before or after in TRANSITIONS[before], f"{before} → {after}"
        return result

    def feed(self, data: bytes, splits: Iterator[int] | None = None) -> None:
        """One read, its echo written in portions of the sizes in `splits` (default: whole)."""
        connection = self.connection
        if connection.state in (READ_LEN, READ_BODY):
            connection.arrived(len(data), 1.0)
        while data and connection.state in (READ_LEN, READ_BODY):
            if not self.step(lambda data=data: connection.receive(data, self.cap)):  # type: ignore[misc]
                break
            assert connection.wanted_interest == POLLOUT
            self.write(splits or repeat(1 << 30))
            data = connection.take_backlog()

    def write(self, splits: Iterator[int]) -> None:
        connection = self.connection
        while connection.out:
            offered = b"".join(connection.unsent())
            assert 0 < len(offered) <= connection.pending
            part = offered[: next(splits)]
            self.echo += part
            done = self.step(lambda part=part: connection.sent(len(part)))  # type: ignore[misc]
            assert bool(done) is (not connection.out)


def cut(data: bytes, sizes: Iterable[int]) -> list[bytes]:
    """`data` in pieces of these sizes; the last takes the rest."""
    pieces, start = [], 0
    for size in sizes:
        if start >= len(data):
            break
        pieces.append(data[start : start + size])
        start += size
    return [*pieces, data[start:]] if start < len(data) else pieces


VALID = {
    "nothing": [],
    "empty frame": [b""],
    "one byte": [b"x"],
    "header in the body": [header(5)],
    "many empty": [b""] * 20,
    "empty between": [b"a", b"", b"bc", b"", b""],
    "exactly the CAP": [b"c" * CAP],
    "alike": [b"ping"] * 30,
    "growing": [bytes(size) for size in range(40)],
}


@pytest.mark.parametrize("bodies", VALID.values(), ids=VALID)
@pytest.mark.parametrize("trailing", [b"", b"\0", header(9)[:3], frame(b"begun")[:6]])
@pytest.mark.parametrize("piece", [1 << 20, 1, 3], ids=["whole", "byte by byte", "threes"])
def test_a_valid_stream_comes_back(bodies: list[bytes], trailing: bytes, piece: int) -> None:
    whole = b"".join(map(frame, bodies))
    machine = Machine()
    for data in cut(whole + trailing, repeat(piece)):
        machine.feed(data)
    connection = machine.connection
    assert machine.echo == whole
    assert connection.frames_in == connection.frames_out == len(bodies)
    assert connection.bytes_out == len(whole)
    assert connection.len_buf == trailing[:HEADER_SIZE]
    assert connection.body_bytes_read == max(0, len(trailing) - HEADER_SIZE)
    assert connection.state is (READ_BODY if len(trailing) >= HEADER_SIZE else READ_LEN)
    assert connection.wanted_interest == POLLIN


@given(
    bodies=st.lists(st.binary(max_size=60), max_size=30),
    reads=st.lists(st.integers(1, 200), min_size=1, max_size=60),
    writes=st.lists(st.integers(1, 90), min_size=1, max_size=40),
)
def test_any_chunking_and_any_partial_sends(
    bodies: list[bytes], reads: list[int], writes: list[int]
) -> None:
    whole = b"".join(map(frame, bodies))
    machine = Machine()
    splits = chain(writes, repeat(1 << 30))
    for data in cut(whole, reads):
        machine.feed(data, splits)
    assert machine.echo == whole
    assert machine.connection.frames_out == len(bodies)
    assert machine.connection.state is READ_LEN


@given(data=st.binary(max_size=300), reads=st.lists(st.integers(1, 50), max_size=20))
def test_garbage_ends_in_order_or_waits(data: bytes, reads: list[int]) -> None:
    machine = Machine(cap=40)
    for piece in cut(data, reads):
        machine.feed(piece)
    assert data.startswith(machine.echo)
    assert machine.connection.state in (READ_LEN, READ_BODY, DRAINING)


@pytest.mark.parametrize("length", [CAP + 1, 2**31, 2**32 - 1])
@pytest.mark.parametrize("before", [[], [b""], [b"one", b"two", b""]])
@pytest.mark.parametrize("behind", [b"", b"x", frame(b"never parsed")])
@pytest.mark.parametrize("piece", [1 << 20, 1, 5])
def test_too_large_is_refused_at_the_header(
    length: int, before: list[bytes], behind: bytes, piece: int
) -> None:
    good = b"".join(map(frame, before))
    machine = Machine()
    for data in cut(good + header(length) + behind, repeat(piece)):
        machine.feed(data)
    connection = machine.connection
    assert machine.echo == good
    assert connection.state is DRAINING
    assert connection.closing is Reason.FRAME_TOO_LARGE
    assert f"header announces {length:,} bytes, CAP is {CAP:,}" in connection.detail
    assert not connection.len_buf
    assert not connection.held
    assert connection.frames_in == len(before)


def test_earlier_frames_are_still_pending_at_a_refusal() -> None:
    connection = Connection(1, 7, "peer", 0.0)
    assert connection.receive(frame(b"good") + header(CAP + 1), CAP)
    assert connection.state is DRAINING
    assert connection.wanted_interest == POLLOUT
    assert b"".join(connection.unsent()) == frame(b"good")
    assert not connection.sent(3)
    assert connection.sent(5)
    assert connection.state is DRAINING
    assert connection.wanted_interest == POLLIN


def test_a_refusal_says_what_the_peer_seems_to_speak() -> None:
    machine = Machine()
    machine.feed(b"GET / HT")
    assert "looks like an HTTP request" in machine.connection.detail


def test_a_body_is_finished_under_the_cap_it_started_with() -> None:
    connection = Connection(1, 7, "peer", 0.0)
    assert not connection.receive(frame(b"x" * 100)[:50], 100)
    assert connection.receive(frame(b"x" * 100)[50:] + header(100), 99)
    assert connection.out_len == 104
    assert connection.closing is Reason.FRAME_TOO_LARGE


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        (b"", Reason.EOF, ""),
        (frame(b"done"), Reason.EOF, ""),
        (b"\0", Reason.EOF_MID_HEADER, "1 of 4 header bytes"),
        (frame(b"") + b"\0\0\0", Reason.EOF_MID_HEADER, "3 of 4 header bytes"),
        (header(9), Reason.EOF_MID_BODY, "0 of 9 body bytes"),
        (frame(b"123456789")[:-1], Reason.EOF_MID_BODY, "8 of 9 body bytes"),
        (header(2000), Reason.FRAME_TOO_LARGE, "header announces 2,000 bytes, CAP is 1,000"),
    ],
)
@pytest.mark.parametrize("piece", [1 << 20, 1])
def test_eof_in_each_state(data: bytes, reason: Reason, detail: str, piece: int) -> None:
    machine = Machine()
    for part in cut(data, repeat(piece)):
        machine.feed(part)
    machine.step(machine.connection.end_of_input)
    assert machine.connection.state is CLOSED
    assert machine.connection.closing is reason
    assert machine.connection.detail == detail
    assert machine.connection.wanted_interest == 0
    assert not machine.connection.len_buf


# --- illegal calls ---


def in_state(state: ConnectionState) -> Connection:
    connection = Connection(1, 7, "peer", 0.0)
    if state is READ_BODY:
        connection.receive(frame(b"body")[:6], CAP)
    elif state is WRITE_BODY:
        connection.receive(frame(b"body") + frame(b"next")[:5], CAP)
    elif state is DRAINING:
        connection.begin_close(Reason.KILLED, "as asked")
    elif state is CLOSED:
        connection.close(Reason.EOF)
    assert connection.state is state
    return connection


CALLS: dict[str, Callable[[Connection], object]] = {
    "receive": lambda connection: connection.receive(frame(b"x"), CAP),
    "sent": lambda connection: connection.sent(1),
    "begin_close": lambda connection: connection.begin_close(Reason.SHUTDOWN),
    "end_of_input": lambda connection: connection.end_of_input(),
    "close": lambda connection: connection.close(Reason.RESET),
}
LEGAL = {
    READ_LEN: {"receive", "begin_close", "end_of_input", "close"},
    READ_BODY: {"receive", "begin_close", "end_of_input", "close"},
    WRITE_BODY: {"sent", "begin_close", "close"},
    DRAINING: {"end_of_input", "close"},
    CLOSED: set(),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("state", list(ConnectionState))
def test_an_illegal_call_raises_and_changes_nothing(state: ConnectionState, call: str) -> None:
    connection = in_state(state)
    if call in LEGAL[state]:
        CALLS[call](connection)
        after = connection.state
        assert after is state or after in TRANSITIONS[state]
        return
    before = fields(connection)
    with pytest.raises(IllegalTransition, match=state.value):
        CALLS[call](connection)
    assert fields(connection) == before


def fields(connection: Connection) -> dict[str, object]:
    values = {name: getattr(connection, name) for name in Connection.__slots__}
    return {name: list(v) if isinstance(v, list) else v for name, v in values.items()}


def test_a_reason_once_decided_stands() -> None:
    connection = in_state(DRAINING)
    connection.close(Reason.SHUTDOWN, "later")
    assert (connection.closing, connection.detail) == (Reason.KILLED, "as asked")


def test_a_close_without_a_reason_is_an_error_of_ours() -> None:
    connection = in_state(READ_BODY)
    connection.close()
    assert connection.closing is Reason.ERROR


# --- budgets, memory, counting ---


def test_the_frame_budget_leaves_the_rest_in_backlog() -> None:
    data = frame(b"") * (2 * FRAME_BUDGET + 5) + b"\0\0"
    connection = Connection(1, 7, "peer", 0.0)
    assert connection.receive(data, CAP)
    assert connection.out_frames == connection.frames_in == FRAME_BUDGET
    assert connection.backlog == data[FRAME_BUDGET * HEADER_SIZE :]
    machine = Machine()
    machine.feed(data)
    assert machine.echo == data[:-2]
    assert machine.connection.len_buf == b"\0\0"


def test_whole_reads_are_echoed_without_a_copy() -> None:
    data = frame(b"one") + frame(b"two")
    connection = Connection(1, 7, "peer", 0.0)
    connection.receive(data, CAP)
    assert connection.unsent() == [data]
    assert connection.out[0] is data


def test_a_dribbled_body_does_not_keep_an_object_for_each_byte() -> None:
    size = 3 * COALESCE_BELOW
    machine = Machine(cap=size)
    whole = frame(bytes(range(256)) * (size // 256))
    for index in range(len(whole) - 1):
        machine.feed(whole[index : index + 1])
    assert len(machine.connection.held) <= 3
    assert machine.connection.body_bytes_read == size - 1
    machine.feed(whole[-1:])
    assert machine.echo == whole


def test_large_chunks_are_kept_as_they_are_and_sent_in_writable_groups() -> None:
    chunk = bytes(COALESCE_BELOW)
    count = WRITEV_MAX + 10
    machine = Machine(cap=1 << 30)
    machine.feed(header(len(chunk) * count))
    for _ in range(count - 1):
        machine.feed(chunk)
    connection = machine.connection
    assert all(kept is chunk for kept in connection.held[1:])
    connection.arrived(len(chunk), 1.0)
    connection.receive(chunk, machine.cap)
    assert len(connection.unsent()) == WRITEV_MAX
    assert not connection.sent(HEADER_SIZE + len(chunk) + 1)
    first = connection.unsent()[0]
    assert len(first) == len(chunk) - 1
    machine.write(repeat(100_000))
    assert connection.bytes_out == HEADER_SIZE + count * len(chunk)


def test_memory_grows_with_what_arrives_not_with_what_is_announced() -> None:
    machine = Machine(cap=1 << 30)
    machine.feed(header(1 << 30) + b"x")
    assert sum(map(len, machine.connection.held)) == HEADER_SIZE + 1
    assert READ_SIZE < machine.connection.ask <= 1 << 20


@pytest.mark.parametrize(("taken", "frames"), [(0, 0), (4, 1), (8, 1), (9, 2), (12, 2), (13, 2)])
def test_frames_out_counts_what_left_of_a_partly_sent_batch(taken: int, frames: int) -> None:
    batch = frame(b"") + frame(b"a") + frame(b"bcdef")
    connection = Connection(1, 7, "peer", 0.0)
    connection.arrived(len(batch), 1.0)
    connection.receive(batch, CAP)
    if taken:
        connection.sent(taken)
    connection.close(Reason.RESET)
    assert connection.frames_in == 3
    assert connection.frames_out == frames
    assert connection.bytes_out == taken
    assert connection.pending == 0


def test_a_snapshot_shows_the_offsets_on_unix_time() -> None:
    connection = Connection(3, 7, "peer", 10.0)
    connection.receive(frame(b"abcdef")[:7], CAP)
    connection.frame_at = 12.0
    snapshot = connection.snapshot(epoch=1000.0)
    assert (snapshot.id, snapshot.state, snapshot.header_read) == (3, READ_BODY, 4)
    assert (snapshot.body_read, snapshot.body_length) == (3, 6)
    assert (snapshot.frame_at, snapshot.active_at) == (1012.0, 1010.0)
    connection.receive(frame(b"abcdef")[7:], CAP)
    connection.sent(4)
    snapshot = connection.snapshot(epoch=1000.0)
    assert (snapshot.state, snapshot.header, snapshot.pending) == (WRITE_BODY, header(6), 6)
    assert snapshot.frame_at == 0.0
