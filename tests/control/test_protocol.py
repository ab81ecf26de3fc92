"""The messages: whole, in pieces, garbage."""

from __future__ import annotations

import json
import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.control.protocol import (
    LARGEST_HELLO,
    MOST_IDS,
    VERSION,
    Do,
    FromServer,
    Hello,
    KnownConnection,
    News,
    Page,
    ProtocolError,
    Refused,
    ToServer,
    Watch,
    Welcome,
    pack,
    read_from_server,
    read_to_server,
    version_of,
)
from app.core.commands import Kill, KillMode, Set, Stop, Trace, TraceLevel
from app.core.events import Crashed, Notice
from app.core.framing import FrameDecoder, TooLong
from tests.making import INSTANCE, listening, loop_stats, opened, snapshot

TO_SERVER: list[ToServer] = [
    Hello(version=VERSION, client="x", read_only=True, announce=True),
    Watch(detail=False),
    Do(command=Kill(request=1, ids=(1, 2), mode=KillMode.RESET)),
    Do(command=Set(request=2, name="cap", value="64KiB")),
    Do(command=Trace(request=3, id=4, level=TraceLevel.IO)),
    Do(command=Stop(request=4, cause="test", now=True)),
]
FROM_SERVER: list[FromServer] = [
    Welcome(version=VERSION, program="1", pid=2, instance=INSTANCE, t=3.0),
    Refused(code="busy", text="full"),
    Page(
        t=1.0,
        number=1,
        last=True,
        connections=(
            KnownConnection(opened=opened(1), snapshot=snapshot(1)),
            KnownConnection(opened=opened(2)),
        ),
        listening=listening(),
    ),
    News(t=2.0, events=(opened(3),), snapshots=(snapshot(1),), stats=loop_stats(5.0, 10, 64, 2)),
]


def bodies(data: bytes, pieces: int) -> list[bytes]:
    inbox, found = FrameDecoder(1 << 20), []
    for start in range(0, len(data), pieces):
        inbox.feed(data[start : start + pieces])
        while (body := inbox.next_body()) is not None:
            found.append(body)
    return found


@pytest.mark.parametrize("pieces", [1, 7, 1 << 20])
def test_messages_come_out_as_they_went_in(pieces: int) -> None:
    data = b"".join(map(pack, TO_SERVER))
    assert [read_to_server(body) for body in bodies(data, pieces)] == TO_SERVER
    data = b"".join(map(pack, FROM_SERVER))
    assert [read_from_server(body) for body in bodies(data, pieces)] == FROM_SERVER


def test_texts_of_a_server_cannot_steer_a_terminal() -> None:
    bad = "\x1b[2J\n\x7f\u202e"
    good = r"\x1b[2J\n\x7f\u202e"
    crash = Crashed(t=1.0, error=bad, traceback="one\ntwo \x1b")
    skipped = Notice(t=1.0, level="info", text="plain → text", skipped={bad: 3})
    first = msgspec.structs.replace(listening(), notes=("plain", bad))
    told = Page(t=1.0, number=1, last=True, connections=(), listening=first)
    read = [
        read_from_server(pack(message)[4:])
        for message in (Refused(code="uid", text=bad), News(t=1.0, events=(crash, skipped)), told)
    ]
    assert read == [
        Refused(code="uid", text=good),
        News(
            t=1.0,
            events=(
                Crashed(t=1.0, error=good, traceback="one\ntwo " + r"\x1b"),
                msgspec.structs.replace(skipped, skipped={good: 3}),
            ),
        ),
        msgspec.structs.replace(
            told, listening=msgspec.structs.replace(first, notes=("plain", good))
        ),
    ]


def test_a_header_that_announces_too_much_is_seen_before_the_body() -> None:
    inbox = FrameDecoder(100)
    inbox.feed(struct.pack(">I", 2**32 - 1))
    with pytest.raises(TooLong, match="4,294,967,295"):
        inbox.next_body()


def test_a_field_more_is_no_mistake_and_a_kind_more_is() -> None:
    assert read_to_server(b'{"type":"watch","detail":true,"new":[1]}') == Watch()
    with pytest.raises(ProtocolError, match="not understood"):
        read_to_server(b'{"type":"dance"}')


def test_the_version_is_read_whatever_else_there_is() -> None:
    assert version_of(b'{"type":"hello","version":7,"client":{"shape":"new"}}') == 7
    for body in (b'{"type":"watch"}', b'{"type":"hello"}', b"", b"\xff", b"GET /"):
        with pytest.raises(ProtocolError, match="no hello"):
            version_of(body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"type":"watch","x":' + b"[" * 50_000,
        b'{"type":"do","command":' + b'{"command":' * 5_000,
    ],
)
def test_deep_nesting_is_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_to_server(body)
    with pytest.raises(ProtocolError):
        version_of(body)
    with pytest.raises(ProtocolError):
        read_from_server(body)


@pytest.mark.parametrize(
    "command",
    [
        {"command": "kill", "request": 1, "ids": [2**63]},
        {"command": "kill", "request": 1, "ids": [-1]},
        {"command": "kill", "request": 1, "ids": list(range(MOST_IDS + 1))},
        {"command": "kill", "request": 1, "ids": [1], "mode": "gently"},
        {"command": "kill", "request": 0, "ids": [1]},
        {"command": "trace", "request": 2**64, "id": 1, "level": "io"},
        {"command": "trace", "request": 1, "id": 10**30, "level": "io"},
        {"command": "set", "request": 1, "name": "x" * LARGEST_HELLO, "value": 1},
        {"command": "set", "request": 1, "name": "cap", "value": [1]},
        {"command": "stop", "request": 1, "cause": ""},
        {"command": "stop", "request": 1, "cause": " \n"},
        {"command": "set", "request": "1", "name": "cap", "value": 1},
    ],
)
def test_what_no_command_may_hold_is_refused(command: object) -> None:
    with pytest.raises(ProtocolError):
        read_to_server(json.dumps({"type": "do", "command": command}).encode())


@given(st.binary(max_size=300))
def test_any_bytes_raise_the_protocols_own_error_only(data: bytes) -> None:
    for read in (read_to_server, read_from_server, version_of):
        with pytest.raises(ProtocolError):
            read(data)
    inbox = FrameDecoder(100)
    inbox.feed(data)
    try:
        while inbox.next_body() is not None:
            continue
    except TooLong:
        assert len(data) >= 4
