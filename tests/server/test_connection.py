"""What the loop keeps of a connection, and which module may change which part of it."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

import app.server
from app.core.framing import frame, header
from app.server.budgets import BYTE_BUDGET
from app.server.connection import READ_SIZE, SMALL_READ, STEADY, Connection
from app.server.machine import READ_BODY, WRITE_BODY, EchoMachine

SERVER = Path(app.server.__file__).parent
CAP = 1000


def connection_at(now: float) -> Connection:
    return Connection(3, 7, "peer", now)


def assigned_attributes(path: Path) -> set[str]:
    """The attributes that a module assigns to something that is not `self`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Attribute) or isinstance(node.ctx, ast.Load):
            continue
        if not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            found.add(node.attr)
    return found


def test_each_attribute_is_assigned_by_one_module() -> None:
    owners = defaultdict(set)
    for path in SERVER.glob("*.py"):
        for name in assigned_attributes(path) & {*Connection.__slots__, *EchoMachine.__slots__}:
            owners[name].add(path.stem)
    assert {name: found for name, found in owners.items() if len(found) > 1} == {}
    assert not owners.keys() & {*EchoMachine.__slots__}, "only the machine's methods change it"


def test_frames_of_the_hot_path_and_of_the_machine_add_up() -> None:
    connection = connection_at(10.0)
    connection.quick_frames, connection.quick_bytes = 5, 40
    connection.machine.receive(frame(b"1234567") + frame(b"x") + header(1)[:3], CAP, 11.0)
    connection.discard(b"", 11.0)
    assert connection.active_at == 11.0
    assert (connection.frames_in, connection.frames_out) == (7, 5)
    assert (connection.bytes_in, connection.bytes_out) == (59, 40)
    connection.machine.sent(16)
    assert connection.counts()[:4] == (7, 7, 59, 56)


@pytest.mark.parametrize(
    ("before", "size", "after"),
    [
        (READ_SIZE, 100, SMALL_READ),
        (READ_SIZE, SMALL_READ, READ_SIZE),
        (READ_SIZE, READ_SIZE, READ_SIZE),
        (SMALL_READ, 100, SMALL_READ),
        (SMALL_READ, SMALL_READ, READ_SIZE),
        (2_000, 1_000, READ_SIZE),
        (2_000, 100, SMALL_READ),
        (2_000, 2_000, READ_SIZE),
        (300_000, 300_000, 300_000),
        (300_000, 100, 300_000),
    ],
)
def test_the_read_size_follows_what_is_read(before: int, size: int, after: int) -> None:
    connection = connection_at(0.0)
    connection.read_size = before
    connection.adapt_read_size(size)
    assert connection.read_size == after


@pytest.mark.parametrize("size", [68, SMALL_READ, 1_088, READ_SIZE - 1])
def test_bursts_of_one_size_are_read_with_one_byte_to_spare(size: int) -> None:
    connection = connection_at(0.0)
    connection.burst = (size, lambda _: (), (), 1, False, None)
    for _ in range(STEADY - 1):
        connection.adapt_read_size(size)
        assert connection.read_size in (SMALL_READ, READ_SIZE)
    for _ in range(3):
        connection.adapt_read_size(size)
        assert connection.read_size == size + 1


def test_another_size_in_between_begins_the_count_of_equal_ones_anew() -> None:
    connection = connection_at(0.0)
    connection.burst = (100, lambda _: (), (), 1, False, None)
    for size in [*[100] * (STEADY - 1), 90, *[100] * (STEADY - 1)]:
        connection.adapt_read_size(size)
        assert connection.read_size == SMALL_READ
    connection.adapt_read_size(100)
    assert connection.read_size == 101
    connection.adapt_read_size(90)
    assert connection.read_size == SMALL_READ


def test_where_more_came_than_the_byte_to_spare_reads_stay_wide_for_long() -> None:
    connection = connection_at(0.0)
    connection.burst = (100, lambda _: (), (), 1, False, None)
    connection.widen_reads(101)
    assert connection.read_size == READ_SIZE
    for _ in range(20 * STEADY):
        connection.adapt_read_size(100)
        assert connection.read_size == SMALL_READ


@pytest.mark.parametrize(
    ("missing", "size"), [(1, READ_SIZE), (300_000, 300_000), (1 << 30, BYTE_BUDGET)]
)
def test_a_read_is_as_long_as_what_is_expected_within_bounds(missing: int, size: int) -> None:
    connection = connection_at(0.0)
    connection.expect(missing)
    assert connection.read_size == size


def test_only_the_times_of_a_stalled_iteration_are_set_to_its_end() -> None:
    connection = connection_at(10.0)
    connection.begin_stall(20.0)
    connection.restamp(20.5, 60.0)
    assert (connection.stalled_at, connection.progress_at) == (20.0, 20.0)
    connection.restamp(20.0, 50.0)
    assert (connection.stalled_at, connection.progress_at) == (50.0, 50.0)
    assert (connection.active_at, connection.acked_all_at) == (10.0, 10.0)


def test_a_snapshot_shows_the_offsets_on_unix_time() -> None:
    connection = connection_at(10.0)
    connection.machine.receive(frame(b"abcdef")[:7], CAP, 12.0)
    snapshot = connection.snapshot(epoch=1000.0)
    assert (snapshot.id, snapshot.state, snapshot.header_read) == (3, READ_BODY, 4)
    assert (snapshot.body_read, snapshot.body_length) == (3, 6)
    assert (snapshot.frame_at, snapshot.active_at) == (1012.0, 1010.0)
    connection.machine.receive(frame(b"abcdef")[7:], CAP, 13.0)
    connection.machine.sent(4)
    snapshot = connection.snapshot(epoch=1000.0)
    assert (snapshot.state, snapshot.header, snapshot.pending) == (WRITE_BODY, header(6), 6)
    assert snapshot.frame_at == 0.0


def test_a_snapshot_is_never_older_than_the_one_before() -> None:
    """Though the wall clock is adjusted by less than a step, and no byte has moved."""
    connection = connection_at(10.0)
    first = connection.snapshot(1000.0)
    assert connection.snapshot(999.9999).t == first.t
    connection.active_at = 11.0
    assert connection.snapshot(999.9999).t == 1010.9999
