"""Faults on purpose as a peer sees them, on real sockets."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable

import pytest

from app.core.commands import Fault, Kill, KillMode
from app.core.events import Closed, ConnectionState, Reason
from app.core.fault_receipt import FaultEffect, FaultReceipt
from app.core.framing import frame, header
from tests.peers import Running, exchange, read_exactly

Serve = Callable[..., Running]
SMALL = frame(b"hello")
LARGE = frame(bytes(range(256)) * 4096)


def receipt(closed: Closed) -> FaultReceipt:
    assert closed.fault is not None
    return closed.fault


def read_all(client: socket.socket) -> tuple[bytes, str]:
    """Read to the end: what came, and how it ended."""
    data = b""
    try:
        while piece := client.recv(1 << 20):
            data += piece
    except ConnectionResetError:
        return data, "rst"
    return data, "fin"


def segments(client: socket.socket) -> int:
    """How many segments with data the kernel of a client has received (tcpi_data_segs_in)."""
    info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return int(struct.unpack_from("=I", info, 152)[0])


def test_pieces_are_segments_of_their_own(serve: Serve) -> None:
    running = serve(fault="slice=1,seed=3")
    client, number = running.connect_known()
    assert exchange(client, [SMALL], len(SMALL)) == SMALL
    assert segments(client) == len(SMALL)
    assert exchange(client, [frame(bytes(300))], 304) == frame(bytes(300))
    assert segments(client) == len(SMALL) + 304
    client.close()
    told = receipt(running.closed(number))
    assert (told.spec, told.seed) == ("slice=1,seed=3", 3)
    assert told.done[0] == FaultEffect("slice", 1, 0, (1,) * 9)
    assert told.done[1].pieces == (1,) * 304


def test_the_same_seed_gives_the_same_receipt(serve: Serve) -> None:
    running = serve(fault="slice=1..9,seed=11")
    told = []
    for _ in range(2):
        client, number = running.connect_known()
        assert exchange(client, [SMALL, frame(bytes(200))], 213)[:9] == SMALL
        client.close()
        told.append(receipt(running.closed(number)))
    assert told[0] == told[1]
    assert len(set(told[0].done[1].pieces)) > 3


@pytest.mark.parametrize(
    ("body", "at"),
    [*((SMALL, at) for at in (0, 1, 3, 4)), *((LARGE, at) for at in (0, 3, 524_288))],
)
@pytest.mark.parametrize(("word", "end"), [("reset", "rst"), ("eof", "fin")])
def test_exactly_so_many_bytes_come_before_an_end(
    serve: Serve, body: bytes, at: int, word: str, end: str
) -> None:
    running = serve(fault=f"{word}@{at}", cap=1 << 21)
    client, number = running.connect_known()
    client.sendall(body)
    assert read_all(client) == (body[:at], end)
    closed = running.closed(number)
    assert closed.reason is Reason.KILLED
    assert f"fault {word}@{at}" in closed.detail
    assert receipt(closed).done == (FaultEffect(word, 1, at),)


@pytest.mark.parametrize(("word", "end"), [("reset", "rst"), ("eof", "fin")])
def test_an_end_in_the_second_frame_leaves_the_first_whole(
    serve: Serve, word: str, end: str
) -> None:
    running = serve(fault=f"{word}@{len(SMALL) + 2}")
    client, number = running.connect_known()
    assert exchange(client, [SMALL], len(SMALL)) == SMALL
    client.sendall(SMALL)
    assert read_all(client) == (SMALL[:2], end)
    assert receipt(running.closed(number)).done == (FaultEffect(word, 2, 2),)


@pytest.mark.parametrize("at", [0, 3, 524_288])
def test_a_stall_holds_the_rest(serve: Serve, at: int) -> None:
    running = serve(fault=f"stall@{at}", cap=1 << 21, idle_timeout=0)
    client, number = running.connect_known()
    client.sendall(LARGE)
    assert read_exactly(client, at) == LARGE[:at]
    running.shown(number, lambda snapshot: snapshot.fault_holds)
    client.settimeout(0.3)
    with pytest.raises(TimeoutError):
        client.recv(1)
    client.close()
    assert receipt(running.closed(number)).done[0].what == "stall"


@pytest.mark.parametrize("ends", ["fin", "rst"])
@pytest.mark.parametrize("spec", ["stall@2", "noread", "delay=3000", "slice=1,gap=3000", "rate=1"])
def test_a_peer_that_goes_while_its_echo_is_held_is_noticed(
    serve: Serve, spec: str, ends: str
) -> None:
    running = serve(fault=spec)
    client, number = running.connect_known()
    client.sendall(SMALL * 30)
    running.shown(number, lambda snapshot: snapshot.fault_holds)
    if ends == "rst":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    began = time.monotonic()
    client.close()
    closed = running.closed(number)
    assert time.monotonic() - began < 3
    # A FIN from a peer that has bytes of ours unread is an RST.
    assert closed.reason in ((Reason.RESET,) if ends == "rst" else (Reason.EOF, Reason.RESET))
    assert closed.fault is not None


def test_what_is_held_back_ends_by_the_idle_timeout_and_not_by_the_write_timeout(
    serve: Serve,
) -> None:
    running = serve(fault="stall@3", write_timeout=0.2, idle_timeout=0.8)
    client, number = running.connect_known()
    began = time.monotonic()
    client.sendall(SMALL)
    assert read_all(client) == (SMALL[:3], "fin")
    assert time.monotonic() - began > 0.7
    assert running.closed(number).reason is Reason.TIMEOUT_IDLE


def test_echoes_wait_until_so_many_are_complete(serve: Serve) -> None:
    running = serve(fault="coalesce=3")
    client, number = running.connect_known()
    client.sendall(SMALL)
    running.shown(number, lambda snapshot: snapshot.fault_holds and snapshot.frames_in == 1)
    client.sendall(SMALL)
    snapshot = running.shown(number, lambda snapshot: snapshot.frames_in == 2)
    assert (snapshot.frames_out, snapshot.bytes_out) == (0, 0)
    assert exchange(client, [SMALL], 3 * len(SMALL)) == SMALL * 3
    assert segments(client) == 1
    client.sendall(SMALL)
    client.shutdown(socket.SHUT_WR)
    assert read_all(client) == (SMALL, "fin")
    closed = running.closed(number)
    assert (closed.reason, closed.frames_out) == (Reason.EOF, 4)


@pytest.mark.parametrize(
    ("spec", "echo"),
    [
        ("length+1", header(6) + b"hello" + header(3) + b"it"),
        ("length-1", header(4) + b"hello" + header(1) + b"it"),
        ("swap", frame(b"it") + SMALL),
    ],
)
def test_a_wrong_echo_is_wrong_as_named(serve: Serve, spec: str, echo: bytes) -> None:
    running = serve(fault=spec)
    client, _ = running.connect_known()
    assert exchange(client, [SMALL + frame(b"it")], len(echo)) == echo


@pytest.mark.parametrize("at", [0, 3, 4, 524_288])
def test_one_bit_is_flipped(serve: Serve, at: int) -> None:
    running = serve(fault=f"corrupt@{at}", cap=1 << 21)
    client, number = running.connect_known()
    echo = exchange(client, [LARGE], len(LARGE))
    assert [place for place in range(len(LARGE)) if echo[place] != LARGE[place]] == [at]
    client.close()
    assert receipt(running.closed(number)).done == (FaultEffect("corrupt", 1, at),)


def test_a_kill_ends_what_a_fault_holds(serve: Serve) -> None:
    running = serve(fault="stall@2")
    client, number = running.connect_known()
    client.sendall(SMALL)
    running.shown(number, lambda snapshot: snapshot.fault_holds)
    running.submit(Kill, ids=(number,), mode=KillMode.CLOSE)
    assert read_all(client)[0] == SMALL[:2]
    assert running.closed(number).reason is Reason.KILLED


def test_a_stop_is_in_time_whatever_is_held(serve: Serve) -> None:
    running = serve(fault="stall@2")
    client, number = running.connect_known()
    client.sendall(SMALL)
    running.shown(number, lambda snapshot: snapshot.fault_holds)
    running.end()
    assert running.closed(number).reason is Reason.SHUTDOWN


def test_one_connection_gets_a_fault_and_loses_it_again(serve: Serve) -> None:
    running = serve()
    client, number = running.connect_known()
    other, other_number = running.connect_known()
    assert exchange(client, [SMALL], len(SMALL)) == SMALL
    assert running.submit(Fault, ids=(number,), spec="stall@12").ok
    client.sendall(SMALL * 2)
    assert read_exactly(client, 3) == SMALL[:3]
    running.shown(number, lambda snapshot: snapshot.fault_holds)
    assert exchange(other, [SMALL], len(SMALL)) == SMALL
    assert running.submit(Fault, ids=(number,)).ok
    assert read_exactly(client, 15) == (SMALL * 2)[3:]
    assert exchange(client, [SMALL], len(SMALL)) == SMALL
    client.close()
    other.close()
    assert running.closed(other_number).fault is None
    assert receipt(running.closed(number)).done == (FaultEffect("stall", 2, 3),)


def test_an_echo_that_is_pending_already_stays_as_it_is(serve: Serve) -> None:
    running = serve(cap=1 << 24)
    client, number = running.connect_known(receive_buffer=4096)
    client.sendall(frame(bytes(1 << 23)))
    running.shown(number, lambda snapshot: snapshot.state is ConnectionState.WRITE_BODY)
    size = 4 + (1 << 23)
    assert running.submit(Fault, ids=(number,), spec=f"length+1,stall@{size + 7}").ok
    assert read_exactly(client, size) == frame(bytes(1 << 23))
    client.sendall(SMALL)
    assert read_exactly(client, 7) == header(6) + SMALL[4:7]
    running.shown(number, lambda snapshot: snapshot.fault_holds)
    client.close()
    told = receipt(running.closed(number)).done
    assert told == (FaultEffect("length", 2, 0), FaultEffect("stall", 2, 7))


def test_a_receipt_has_what_earlier_faults_did(serve: Serve) -> None:
    running = serve()
    client, number = running.connect_known()
    assert running.submit(Fault, ids=(number,), spec="length+1").ok
    assert exchange(client, [SMALL], 9) == header(6) + b"hello"
    assert running.submit(Fault, ids=(number,)).ok
    assert exchange(client, [SMALL], 9) == SMALL
    assert running.submit(Fault, ids=(number,), spec="slice=3").ok
    assert exchange(client, [SMALL], 9) == SMALL
    client.close()
    told = receipt(running.closed(number)).done
    assert told == (FaultEffect("length", 1, 0), FaultEffect("slice", 3, 0, (3, 3, 3)))


def test_a_fault_inside_an_echo_is_told_with_the_byte_of_its_frame(serve: Serve) -> None:
    running = serve(cap=1 << 21, idle_timeout=0)
    client, number = running.connect_known()
    assert exchange(client, [SMALL], 9) == SMALL
    assert running.submit(Fault, ids=(number,), spec="stall@300009").ok
    client.sendall(LARGE)
    assert read_exactly(client, 300_000) == LARGE[:300_000]
    running.shown(number, lambda snapshot: snapshot.fault_holds)
    assert running.submit(Fault, ids=(number,), spec="reset@500009").ok
    assert read_all(client) == (LARGE[300_000:500_000], "rst")
    told = receipt(running.closed(number)).done
    assert told == (FaultEffect("stall", 2, 300_000), FaultEffect("reset", 2, 500_000))


@pytest.mark.parametrize(("word", "end"), [("reset", "rst"), ("eof", "fin")])
def test_an_end_whose_byte_has_gone_by_is_due_at_once(serve: Serve, word: str, end: str) -> None:
    running = serve(idle_timeout=0)
    client, number = running.connect_known()
    assert exchange(client, [SMALL], 9) == SMALL
    assert running.submit(Fault, ids=(number,), spec=f"{word}@5").ok
    assert read_all(client) == (b"", end)
    assert receipt(running.closed(number)).done == (FaultEffect(word, 2, 0),)


@pytest.mark.parametrize("fields", [{}, {"next": 2, "ids": (1,)}])
def test_a_command_that_names_nobody_or_too_many_is_refused(
    serve: Serve, fields: dict[str, object]
) -> None:
    running = serve()
    answer = running.submit(Fault, spec="slice=1", **fields)
    assert not answer.ok
    assert "\n" not in answer.message


def test_echoes_that_are_held_to_the_end_are_on_the_receipt(serve: Serve) -> None:
    running = serve(fault="coalesce=9")
    client, number = running.connect_known()
    client.sendall(SMALL * 3)
    running.shown(number, lambda snapshot: snapshot.fault_holds and snapshot.frames_in == 3)
    running.submit(Kill, ids=(number,), mode=KillMode.RESET)
    assert receipt(running.closed(number)).done == (FaultEffect("coalesce", 1, 0),)


def test_a_row_says_at_once_that_it_is_faulty(serve: Serve) -> None:
    running = serve(idle_timeout=0)
    client, number = running.connect_known()
    assert running.submit(Fault, ids=(number,), spec="delay=1").ok
    assert not running.shown(number, lambda snapshot: snapshot.fault == "delay=1").frames_in
    assert running.submit(Fault, ids=(number,)).ok
    running.shown(number, lambda snapshot: not snapshot.fault)
    client.close()


def test_a_drain_lets_out_what_waits_for_more_frames(serve: Serve) -> None:
    running = serve(fault="coalesce=3")
    client, number = running.connect_known()
    client.sendall(SMALL)
    running.shown(number, lambda snapshot: snapshot.fault_holds and snapshot.frames_in == 1)
    assert running.submit(Kill, ids=(number,), mode=KillMode.DRAIN).ok
    assert read_all(client) == (SMALL, "fin")
    assert running.closed(number).frames_out == 1


@pytest.mark.parametrize("spec", ["slice=0", "explode", "stall@1,eof@2"])
def test_a_fault_that_cannot_be_is_refused_and_changes_nothing(serve: Serve, spec: str) -> None:
    running = serve()
    client, number = running.connect_known()
    for fields in ({"ids": (number,)}, {"next": 3}):
        answer = running.submit(Fault, spec=spec, **fields)
        assert not answer.ok
        assert "\n" not in answer.message
    assert exchange(client, [SMALL], len(SMALL)) == SMALL
    assert not running.submit(Fault, ids=(9_999,), spec="slice=1").ok


@pytest.mark.parametrize("workers", [0, 2])
def test_exactly_the_next_ones_have_it(serve: Serve, workers: int) -> None:
    running = serve(workers=workers)
    before, number = running.connect_known()
    assert running.submit(Fault, next=3, spec="eof@1").ok
    clients = [running.connect_known()[0] for _ in range(12)]
    assert exchange(before, [SMALL], len(SMALL)) == SMALL
    for client in clients:
        client.sendall(SMALL)
    echoes = [read_exactly(client, len(SMALL)) for client in clients]
    assert sorted(echoes) == [SMALL[:1]] * 3 + [SMALL] * 9
    before.close()
    assert running.closed(number).fault is None
