"""A recorded stream that is sent again: the same bytes, cut as they were or in another way."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from app.core.events import Reason
from app.core.framing import frame, header
from app.core.kept_bytes import KeptBytes, Piece, ReadRecord
from app.core.settings import MIB, SettingError
from app.proving.proving_server import ProvingServer
from app.proving.pytest_plugin import EchoServer
from app.proving.recorded_stream import (
    RecordedStream,
    expected_echo,
    read_stream,
    stream_of,
    to_hex,
    to_json,
    to_python,
)
from app.proving.sending import chopped, send

SENT = frame(b"hello") + frame(b"") + frame(b"again") + header(9) + b"cut"
ECHO = SENT[: -len(header(9) + b"cut")]


def kept(reads: tuple[int, ...] = (2, 10, 14), size: int = len(SENT)) -> KeptBytes:
    """What is kept of a connection that sent `SENT`, its reads cut at these offsets."""
    starts = (0, *reads)
    ends = (*reads, len(SENT))
    records = tuple(
        ReadRecord(start, end - start, 1000.0 + number / 4, end - start)
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
    )
    return KeptBytes(1.0, 0, 7, size, pieces=(Piece(0, SENT),), reads=records)


def stream(reason: Reason | None = Reason.EOF_MID_BODY) -> RecordedStream:
    return stream_of(kept(), "127.0.0.1:9", reason, MIB)


def test_a_stream_tells_bytes_cuts_gaps_the_end_and_what_is_expected() -> None:
    told = json.loads(to_json(stream()))
    assert told == {
        "id": 7,
        "peer": "127.0.0.1:9",
        "bytes": SENT.hex(),
        "cuts": [2, 10, 14],
        "gaps": [0.25, 0.25, 0.25],
        "ended": "fin",
        "reason": "eof_mid_body",
        "expected": ECHO.hex(),
        "complete": True,
    }
    assert not stream_of(kept(size=99), "p", None, MIB).complete


@pytest.mark.parametrize(
    ("reason", "ended"),
    [(Reason.EOF, "fin"), (Reason.RESET, "reset"), (None, "open"), (Reason.KILLED, "open")],
)
def test_the_end_is_the_peers(reason: Reason | None, ended: str) -> None:
    assert stream(reason).ended == ended


@pytest.mark.parametrize("cap", [4, 5, MIB])
def test_only_whole_frames_within_the_cap_are_expected(cap: int) -> None:
    assert expected_echo(SENT, cap) == (ECHO if cap > 4 else b"")


def test_what_is_written_is_read_as_it_was() -> None:
    assert read_stream(to_json(stream())) == stream()
    again = read_stream(to_hex(stream()))
    assert (again.data, again.cuts, again.gaps, again.ended) == (
        SENT, (2, 10, 14), (0.25, 0.25, 0.25), "fin",
    )  # fmt: skip
    assert (again.echo, again.reason) == (ECHO, "eof_mid_body")


def test_what_nobody_says_is_made_from_the_bytes() -> None:
    assert read_stream('{"bytes": "0000000568656c6c6f00"}').echo == bytes.fromhex(
        "0000000568656c6c6f"
    )
    assert read_stream("\ufeff0 0000000568656c6c6f\n").echo[4:] == b"hello"
    nothing = stream_of(KeptBytes(1.0, 0, 7, 0), "127.0.0.1:9", Reason.EOF, MIB)
    for write in (to_json, to_hex):
        again = read_stream(write(nothing))
        assert (again.data, again.echo, again.ended) == (b"", b"", "fin")


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "{}", '{"bytes": "0"}', '{"bytes": "00", "cuts": [9], "gaps": [1]}',
        '{"bytes": "00", "cuts": [1]}', '{"bytes": "00", "ended": "soon"}',
        '{"bytes": "00", "expected": "0011"}', "0.1 0g", "nonsense", "# only a comment",
        '{"bytes": "0011", "cuts": [1], "gaps": [-1]}', "0.1 00\n# echo 2 bytes", "٣ 00",
    ],
)  # fmt: skip
def test_what_is_no_export_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(SettingError) as refused:
        read_stream(text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("chop", "sizes"),
    [
        ("as-recorded", [2, 8, 4, len(SENT) - 14]),
        ("10", [10] * (len(SENT) // 10) + [len(SENT) % 10]),
        ("1,3,*", [1, 3, len(SENT) - 4]),
        ("4,9", [4, *[9] * ((len(SENT) - 4) // 9), (len(SENT) - 4) % 9]),
    ],
)
def test_a_stream_is_cut_as_asked(chop: str, sizes: list[int]) -> None:
    pieces = chopped(stream(), chop, "0")
    assert [len(data) for _, data in pieces] == [size for size in sizes if size]
    assert b"".join(data for _, data in pieces) == SENT


def test_random_cuts_are_those_of_their_seed() -> None:
    assert chopped(stream(), "random:3", "0") == chopped(stream(), "random:3", "0")
    assert chopped(stream(), "random:3", "0") != chopped(stream(), "random:4", "0")


def test_gaps_are_as_recorded_or_as_asked() -> None:
    assert [gap for gap, _ in chopped(stream(), "as-recorded", "as-recorded")] == [0, *[0.25] * 3]
    assert [gap for gap, _ in chopped(stream(), "as-recorded", "0.5")] == [0, *[0.5] * 3]


@pytest.mark.parametrize(
    ("chop", "gap"),
    [("0", "0"), ("a", "0"), ("1,*,2", "0"), ("random:", "0"), ("1", "soon"), ("1", "-1")],
)
def test_a_wrong_cut_is_refused(chop: str, gap: str) -> None:
    with pytest.raises(SettingError):
        chopped(stream(), chop, gap)


def sent_to(server: ProvingServer, told: RecordedStream, chop: str = "as-recorded") -> bool:
    return send("127.0.0.1", server.port, told, chopped(told, chop, "0.01"), 3.0).ok


def test_a_stream_is_sent_with_its_cuts_and_its_end(echo_server: EchoServer) -> None:
    server = echo_server()
    assert sent_to(server, stream())
    (one,) = server.wait_closed()
    assert (one["reason"], one["bytes_in"]) == ("eof_mid_body", len(SENT))
    assert sent_to(server, stream(Reason.RESET))
    assert server.wait_closed(2)[1]["reason"] == "reset"


def test_another_echo_is_told_with_its_first_wrong_byte(echo_server: EchoServer) -> None:
    server = echo_server(fault="corrupt@6")
    outcome = send("127.0.0.1", server.port, stream(), chopped(stream(), "5", "0"), 3.0)
    assert not outcome.ok
    assert "differ from byte 6 on" in outcome.text


def test_a_server_that_ends_early_is_told(echo_server: EchoServer) -> None:
    server = echo_server(fault="eof@3")
    outcome = send("127.0.0.1", server.port, stream(), chopped(stream(), "99", "0"), 3.0)
    assert not outcome.ok
    assert "3 of 22 bytes of the expected echo came; the server ended" in outcome.text


@pytest.mark.parametrize("write", [to_json, to_hex])
def test_where_a_refusal_comes_is_a_matter_of_time(
    echo_server: EchoServer, write: Callable[[RecordedStream], str]
) -> None:
    sent = ECHO[:9] + b"GET / HTTP/1.1\r\n" * 20
    told = RecordedStream(id=1, peer="peer", sent=sent.hex(), reason="frame_too_large")
    told = read_stream(write(told))
    server = echo_server()
    for chop in ("as-recorded", "1", "13,*"):
        assert sent_to(server, told, chop)
    as_if_read = msgspec.structs.replace(told, reason="eof")
    assert not sent_to(server, as_if_read, "1")


def test_the_program_sends_the_same(echo_server: EchoServer, tmp_path: Path) -> None:
    server = echo_server()
    program = tmp_path / "again.py"
    program.write_text(to_python(stream()), "utf-8")
    words = [sys.executable, str(program), "127.0.0.1", str(server.port)]
    assert subprocess.run(words, check=False, timeout=20).returncode == 0
    (one,) = server.wait_closed()
    assert (one["reason"], one["bytes_in"]) == ("eof_mid_body", len(SENT))


def test_a_client_that_failed_fails_again(echo_server: EchoServer) -> None:
    """The whole way: what is kept of a refused client, sent twice more."""
    server = echo_server()
    with socket.create_connection(("127.0.0.1", server.port), 5) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in (SENT[:3], SENT[3:18], SENT[18:22] + b"GET / HTTP/1.1\r\n\r\n"):
            client.sendall(piece)
            time.sleep(0.02)
        while client.recv(1 << 16):
            pass
    first = server.wait_closed()[0]
    bytes_kept = server.kept_of(first["id"])
    assert bytes_kept is not None
    told = stream_of(bytes_kept, first["peer"], Reason(first["reason"]), MIB)
    for number in (2, 3):
        sent_to(server, told)
        again = server.wait_closed(number)[-1]
        for figure in ("reason", "frames_in", "bytes_in", "bytes_out", "diagnosis"):
            assert again[figure] == first[figure]
