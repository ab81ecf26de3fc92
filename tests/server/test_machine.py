"""The state machine alone: bytes in, bytes out, no socket."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.events import POLLIN, POLLOUT, ConnectionState, Reason
from app.core.framing import HEADER_SIZE, frame, header
from app.server.budgets import FRAME_BUDGET, WRITEV_MAX
from app.server.machine import (
    CLOSED,
    COALESCE_BELOW,
    DRAINING,
    READ_BODY,
    READ_LEN,
    WRITE_BODY,
    EchoMachine,
    IllegalTransition,
)

CAP = 1000
TRANSITIONS = {
    READ_LEN: {READ_BODY, WRITE_BODY, DRAINING, CLOSED},
    READ_BODY: {WRITE_BODY, DRAINING, CLOSED},
    WRITE_BODY: {READ_LEN, DRAINING, CLOSED},
    DRAINING: {CLOSED},
    CLOSED: set(),
}
"""The states that may follow a state from one call to the next. READ_LEN → WRITE_BODY is a whole
frame that arrived in one read: it passes READ_BODY within the call."""
Step = Callable[[], object]


class Driver:
    """A machine driven as the loop drives it; every change of state is checked."""

    def __init__(self, cap: int = CAP) -> None:
        self.machine = EchoMachine()
        self.cap = cap
        self.echo = b""

    def step(self, step: Step) -> object:
        before = self.machine.state
        result = step()
        after = self.machine.state
        assert after is before or after in TRANSITIONS[before], f"{before} → {after}"
        return result

    def feed(self, data: bytes, splits: Iterator[int] | None = None) -> None:
        """One read, its echo written in portions of the sizes in `splits` (default: whole)."""
        machine = self.machine
        counted = False
        while data and machine.state in (READ_LEN, READ_BODY):
            receive = partial(machine.receive, data, self.cap, 1.0, counted)
            if not self.step(receive):
                break
            counted = True
            assert machine.wanted_interest == POLLOUT
            self.write(splits or repeat(1 << 30))
            data = machine.take_backlog()

    def write(self, splits: Iterator[int]) -> None:
        machine = self.machine
        while machine.out:
            offered = b"".join(machine.unsent())
            assert 0 < len(offered) <= machine.pending
            part = offered[: next(splits)]
            self.echo += part
            done = self.step(lambda part=part: machine.sent(len(part)))  # type: ignore[misc]
            assert bool(done) is (not machine.out)


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
    driver = Driver()
    for data in cut(whole + trailing, repeat(piece)):
        driver.feed(data)
    machine = driver.machine
    assert driver.echo == whole
    assert (machine.frames_in, machine.out_frames) == (len(bodies), 0)
    assert machine.bytes_in - machine.bytes_kept == len(whole)
    assert machine.len_buf == trailing[:HEADER_SIZE]
    assert machine.body_bytes_read == max(0, len(trailing) - HEADER_SIZE)
    assert machine.state is (READ_BODY if len(trailing) >= HEADER_SIZE else READ_LEN)
    assert machine.wanted_interest == POLLIN


@given(
    bodies=st.lists(st.binary(max_size=60), max_size=30),
    reads=st.lists(st.integers(1, 200), min_size=1, max_size=60),
    writes=st.lists(st.integers(1, 90), min_size=1, max_size=40),
)
def test_any_chunking_and_any_partial_sends(
    bodies: list[bytes], reads: list[int], writes: list[int]
) -> None:
    whole = b"".join(map(frame, bodies))
    driver = Driver()
    splits = chain(writes, repeat(1 << 30))
    for data in cut(whole, reads):
        driver.feed(data, splits)
    assert driver.echo == whole
    assert driver.machine.frames_in == len(bodies)
    assert driver.machine.state is READ_LEN


@given(data=st.binary(max_size=300), reads=st.lists(st.integers(1, 50), max_size=20))
def test_garbage_ends_in_order_or_waits(data: bytes, reads: list[int]) -> None:
    driver = Driver(cap=40)
    for piece in cut(data, reads):
        driver.feed(piece)
    assert data.startswith(driver.echo)
    assert driver.machine.state in (READ_LEN, READ_BODY, DRAINING)


@pytest.mark.parametrize("length", [CAP + 1, 2**31, 2**32 - 1])
@pytest.mark.parametrize("before", [[], [b""], [b"one", b"two", b""]])
@pytest.mark.parametrize("behind", [b"", b"x", frame(b"never parsed")])
@pytest.mark.parametrize("piece", [1 << 20, 1, 5])
def test_too_large_is_refused_at_the_header(
    length: int, before: list[bytes], behind: bytes, piece: int
) -> None:
    good = b"".join(map(frame, before))
    driver = Driver()
    for data in cut(good + header(length) + behind, repeat(piece)):
        driver.feed(data)
    machine = driver.machine
    assert driver.echo == good
    assert machine.state is DRAINING
    assert machine.closing is Reason.FRAME_TOO_LARGE
    assert f"header announces {length:,} bytes, CAP is {CAP:,}" in machine.detail
    assert not machine.len_buf
    assert not machine.held
    assert machine.frames_in == len(before)


def test_earlier_frames_are_still_pending_at_a_refusal() -> None:
    machine = EchoMachine()
    assert machine.receive(frame(b"good") + header(CAP + 1), CAP, 1.0)
    assert machine.state is DRAINING
    assert machine.wanted_interest == POLLOUT
    assert b"".join(machine.unsent()) == frame(b"good")
    assert not machine.sent(3)
    assert machine.sent(5)
    assert machine.state is DRAINING
    assert machine.wanted_interest == POLLIN


def test_a_body_is_finished_under_the_cap_it_started_with() -> None:
    machine = EchoMachine()
    assert not machine.receive(frame(b"x" * 100)[:50], 100, 1.0)
    assert machine.receive(frame(b"x" * 100)[50:] + header(100), 99, 1.0)
    assert machine.out_len == 104
    assert machine.closing is Reason.FRAME_TOO_LARGE


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
    driver = Driver()
    for part in cut(data, repeat(piece)):
        driver.feed(part)
    driver.step(driver.machine.end_of_input)
    assert driver.machine.state is DRAINING
    assert driver.machine.input_ended
    assert driver.machine.closing is reason
    assert driver.machine.detail == detail
    assert driver.machine.wanted_interest == 0
    assert not driver.machine.len_buf


# --- illegal calls ---


def in_state(state: ConnectionState) -> EchoMachine:
    machine = EchoMachine()
    if state is READ_BODY:
        machine.receive(frame(b"body")[:6], CAP, 1.0)
    elif state is WRITE_BODY:
        machine.receive(frame(b"body") + frame(b"next")[:5], CAP, 1.0)
    elif state is DRAINING:
        machine.begin_close(Reason.KILLED, "as asked")
    elif state is CLOSED:
        machine.close(Reason.EOF)
    assert machine.state is state
    return machine


CALLS: dict[str, Callable[[EchoMachine], object]] = {
    "receive": lambda machine: machine.receive(frame(b"x"), CAP, 1.0),
    "sent": lambda machine: machine.sent(1),
    "begin_close": lambda machine: machine.begin_close(Reason.SHUTDOWN),
    "end_of_input": lambda machine: machine.end_of_input(),
    "abandon_echo": lambda machine: machine.abandon_echo(),
    "close": lambda machine: machine.close(Reason.RESET),
}
LEGAL = {
    READ_LEN: {"receive", "begin_close", "end_of_input", "close"},
    READ_BODY: {"receive", "begin_close", "end_of_input", "close"},
    WRITE_BODY: {"sent", "begin_close", "close"},
    DRAINING: {"end_of_input", "abandon_echo", "close"},
    CLOSED: set(),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("state", list(ConnectionState))
def test_an_illegal_call_raises_and_changes_nothing(state: ConnectionState, call: str) -> None:
    machine = in_state(state)
    if call in LEGAL[state]:
        CALLS[call](machine)
        after = machine.state
        assert after is state or after in TRANSITIONS[state]
        return
    before = fields(machine)
    with pytest.raises(IllegalTransition, match=state.value):
        CALLS[call](machine)
    assert fields(machine) == before


def fields(machine: EchoMachine) -> dict[str, object]:
    values = {name: getattr(machine, name) for name in EchoMachine.__slots__}
    return {name: list(v) if isinstance(v, list) else v for name, v in values.items()}


Call = tuple[str, object]
CALLS_IN_ANY_ORDER: st.SearchStrategy[list[Call]] = st.lists(
    st.one_of(
        st.tuples(st.just("receive"), st.binary(min_size=1, max_size=30)),
        st.tuples(st.just("receive"), st.binary(max_size=30).map(frame)),
        st.tuples(st.just("receive"), st.just(header(CAP + 1))),
        st.tuples(st.just("sent"), st.integers(1, 50)),
        st.tuples(
            st.sampled_from(["begin_close", "end_of_input", "abandon_echo", "close"]), st.none()
        ),
    ),
    max_size=25,
)


@given(CALLS_IN_ANY_ORDER)
def test_every_change_of_state_is_in_the_table(calls: list[Call]) -> None:
    machine = EchoMachine()
    for name, value in calls:
        before = fields(machine)
        try:
            match value:
                case bytes():
                    machine.receive(value, CAP, 1.0)
                case int():
                    machine.sent(min(value, machine.pending))
                case _:
                    CALLS[name](machine)
        except IllegalTransition:
            assert fields(machine) == before
        was = ConnectionState(str(before["state"]))
        assert machine.state is was or machine.state in TRANSITIONS[was]
        if machine.state is READ_LEN:
            machine.take_backlog()


@pytest.mark.parametrize("state", TRANSITIONS)
def test_every_change_in_the_table_happens(state: ConnectionState) -> None:
    calls: list[Callable[[EchoMachine], object]] = [
        *(CALLS[name] for name in LEGAL[state]),
        lambda machine: machine.receive(header(4), CAP, 1.0) if machine.state is READ_LEN else 0,
        lambda machine: machine.receive(b"dybody", CAP, 1.0) if machine.state is READ_BODY else 0,
        lambda machine: machine.sent(machine.pending) if machine.out else 0,
    ]
    reached = set()
    for call in calls:
        machine = in_state(state)
        call(machine)
        reached.add(machine.state)
    assert reached - {state} == TRANSITIONS[state]


def test_a_reason_once_decided_stands() -> None:
    machine = in_state(DRAINING)
    machine.close(Reason.SHUTDOWN, "later")
    assert (machine.closing, machine.detail) == (Reason.KILLED, "as asked")


def test_a_reason_that_is_to_overrule_it_does() -> None:
    machine = in_state(DRAINING)
    machine.overrule(Reason.TIMEOUT_WRITE, "never fetched")
    machine.close()
    detail = "never fetched; it was ending as killed (as asked)"
    assert (machine.closing, machine.detail) == (Reason.TIMEOUT_WRITE, detail)


def test_a_close_without_a_reason_is_an_error_of_ours() -> None:
    machine = in_state(READ_BODY)
    machine.close()
    assert machine.closing is Reason.ERROR


# --- budgets, memory, counting ---


def test_the_frame_budget_leaves_the_rest_in_backlog() -> None:
    data = frame(b"") * (2 * FRAME_BUDGET + 5) + b"\0\0"
    machine = EchoMachine()
    assert machine.receive(data, CAP, 1.0)
    assert machine.out_frames == machine.frames_in == FRAME_BUDGET
    assert machine.backlog == data[FRAME_BUDGET * HEADER_SIZE :]
    driver = Driver()
    driver.feed(data)
    assert driver.echo == data[:-2]
    assert driver.machine.len_buf == b"\0\0"


def test_whole_reads_are_echoed_without_a_copy() -> None:
    data = frame(b"one") + frame(b"two")
    machine = EchoMachine()
    machine.receive(data, CAP, 1.0)
    assert machine.unsent() == [data]
    assert machine.out[0] is data


def test_a_dribbled_body_does_not_keep_an_object_for_each_byte() -> None:
    size = 3 * COALESCE_BELOW
    driver = Driver(cap=size)
    whole = frame(bytes(range(256)) * (size // 256))
    for index in range(len(whole) - 1):
        driver.feed(whole[index : index + 1])
    assert len(driver.machine.held) <= 3
    assert driver.machine.body_bytes_read == size - 1
    driver.feed(whole[-1:])
    assert driver.echo == whole


def test_large_chunks_are_kept_as_they_are_and_sent_in_writable_groups() -> None:
    chunk = bytes(COALESCE_BELOW)
    count = WRITEV_MAX + 10
    driver = Driver(cap=1 << 30)
    driver.feed(header(len(chunk) * count))
    for _ in range(count - 1):
        driver.feed(chunk)
    machine = driver.machine
    assert all(kept is chunk for kept in machine.held[1:])
    machine.receive(chunk, driver.cap, 1.0)
    assert len(machine.unsent()) == WRITEV_MAX
    assert not machine.sent(HEADER_SIZE + len(chunk) + 1)
    first = machine.unsent()[0]
    assert len(first) == len(chunk) - 1
    driver.write(repeat(100_000))
    assert machine.bytes_in - machine.bytes_kept == HEADER_SIZE + count * len(chunk)


def test_memory_grows_with_what_arrives_not_with_what_is_announced() -> None:
    driver = Driver(cap=1 << 30)
    driver.feed(header(1 << 30) + b"x")
    assert sum(map(len, driver.machine.held)) == HEADER_SIZE + 1


@pytest.mark.parametrize(("taken", "frames"), [(0, 0), (4, 1), (8, 1), (9, 2), (12, 2), (13, 2)])
def test_frames_out_counts_what_left_of_a_partly_sent_batch(taken: int, frames: int) -> None:
    batch = frame(b"") + frame(b"a") + frame(b"bcdef")
    machine = EchoMachine()
    machine.receive(batch, CAP, 1.0)
    if taken:
        machine.sent(taken)
    machine.close(Reason.RESET)
    assert machine.frames_in == 3
    assert machine.frames_in - machine.out_frames == frames
    assert machine.bytes_in - machine.bytes_kept == taken
    assert machine.pending == 0
