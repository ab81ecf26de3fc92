"""What the loop keeps of a connection, and which module may change which part of it."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

import app.server
from app.core.framing import frame, header
from app.server.connection import MIDDLE_READ, READ_SIZE, SMALL_READ, Connection
from app.server.machine import BYTE_BUDGET, READ_BODY, WRITE_BODY, EchoMachine

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
    connection.discard(0, 11.0)
    assert connection.active_at == 11.0
    assert (connection.frames_in, connection.frames_out) == (7, 5)
    assert (connection.bytes_in, connection.bytes_out) == (59, 40)
    connection.machine.sent(16)
    assert connection.counts()[:4] == (7, 7, 59, 56)


@pytest.mark.parametrize(
    ("before", "size", "after"),
    [
        (READ_SIZE, 100, SMALL_READ),
        (READ_SIZE, SMALL_READ, MIDDLE_READ),
        (READ_SIZE, MIDDLE_READ, READ_SIZE),
        (READ_SIZE, READ_SIZE, READ_SIZE),
        (SMALL_READ, 100, SMALL_READ),
        (SMALL_READ, SMALL_READ, READ_SIZE),
        (MIDDLE_READ, 1_000, MIDDLE_READ),
        (MIDDLE_READ, 100, SMALL_READ),
        (MIDDLE_READ, MIDDLE_READ, READ_SIZE),
        (300_000, 300_000, 300_000),
        (300_000, 100, 300_000),
    ],
)
def test_the_read_size_follows_what_is_read(before: int, size: int, after: int) -> None:
    connection = connection_at(0.0)
    connection.read_size = before
    connection.adapt_read_size(size)
    assert connection.read_size == after


@pytest.mark.parametrize(
    ("missing", "size"), [(1, READ_SIZE), (300_000, 300_000), (1 << 30, BYTE_BUDGET)]
)
def test_a_read_is_as_long_as_what_is_expected_within_bounds(missing: int, size: int) -> None:
    connection = connection_at(0.0)
    connection.expect(missing)
    assert connection.read_size == size


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
