"""Bytes that do not fit get a name: at the end of a connection, and while it stands still."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from app.core.events import Closed, Notice, Reason, Snapshot
from app.core.framing import frame, header
from app.server import judging
from tests.peers import Running, exchange, read_to_end
from tests.waiting import until

Serve = Callable[..., Running]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "HANGS", 0.05)
    monkeypatch.setattr(judging, "PASS_INTERVAL", 0.01)


def end_of(running: Running, *parts: bytes) -> Closed:
    """Send `parts` one after the other, and return how the connection ended."""
    client, number = running.connect_known()
    with client:
        for part in parts:
            client.sendall(part)
            time.sleep(0.02)
        if running.watcher.all(Closed):
            read_to_end(client)
    return running.closed(number)


def await_another_name(running: Running) -> None:
    """Wait until one that stands still later has its name: those before it were judged."""
    client, number = running.connect_known()
    client.sendall(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")
    running.watcher.wait_for(Notice, lambda event: f"#{number} " in event.text)


def little(*bodies: bytes) -> bytes:
    return b"".join(len(body).to_bytes(4, "little") + body for body in bodies)


@pytest.mark.parametrize("capture", [0, 1, 4096])
def test_a_refused_header_has_a_name(serve: Serve, capture: int) -> None:
    closed = end_of(serve(capture=capture), little(b"hello", b"status of 7", b"list accounts"))
    assert closed.reason is Reason.FRAME_TOO_LARGE
    assert closed.diagnosis is not None
    assert (closed.diagnosis.code, closed.diagnosis.offset) == ("u32le", 0)
    assert closed.diagnosis.header == "05000000"
    assert closed.detail == "header announces 83,886,080 bytes, CAP is 1,048,576"


def test_it_counts_from_the_first_byte_also_behind_what_is_not_kept(serve: Serve) -> None:
    right = frame(b"right") * 100
    closed = end_of(serve(capture=10), right, little(b"hello", b"status of 7", b"list accounts"))
    assert closed.diagnosis is not None
    assert (closed.diagnosis.code, closed.diagnosis.offset) == ("u32le", 900)
    assert "At offset 900 the header" in closed.diagnosis.text


def test_bytes_that_come_behind_the_refusal_count_too(serve: Serve) -> None:
    closed = end_of(serve(), b"GET ", b"/ HTTP/1.1\r\n", b"Host: x\r\n\r\n")
    assert closed.diagnosis is not None
    assert closed.diagnosis.code == "http1"


def test_an_end_inside_a_frame_has_a_name(serve: Serve) -> None:
    counts_itself = header(9) + b"hello" + header(15) + b"status of 7"
    closed = end_of(serve(), counts_itself)
    assert closed.diagnosis is not None
    assert closed.diagnosis.code == "counts_itself"


@pytest.mark.parametrize("sent", [frame(b"right") * 3, frame(b"a right body")[:9], b"", b"\0\0"])
def test_right_frames_have_none_however_they_end(serve: Serve, sent: bytes) -> None:
    assert end_of(serve(), sent).diagnosis is None


def test_who_stands_still_is_told_once_and_void_once_more_comes(serve: Serve) -> None:
    running = serve()
    client, number = running.connect_known()
    client.sendall(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")  # psql asks for TLS, and waits
    shown = running.shown(number, lambda snapshot: snapshot.diagnosis)
    assert shown.diagnosis is not None
    assert shown.diagnosis.code == "postgres"
    running.watcher.wait_for(Notice, lambda event: "(postgres)" in event.text)
    client.sendall(b"....")
    running.shown(number, lambda snapshot: snapshot.diagnosis is None)
    client.sendall(frame(b"right"))
    await_another_name(running)
    told = [event for event in running.watcher.all(Notice) if f"#{number} " in event.text]
    assert [event.level for event in told] == ["warning"]


def test_one_who_is_right_and_slow_is_not_told_of(serve: Serve) -> None:
    running = serve()
    client, number = running.connect_known()
    whole = frame(b"right") + frame(b"this one comes in pieces")
    for at in range(0, len(whole), 5):
        client.sendall(whole[at : at + 5])
        time.sleep(0.15)
    assert exchange(client, [], len(whole)) == whole
    assert not [event for event in running.watcher.all(Notice) if f"#{number} " in event.text]


def test_a_fault_of_the_doctor_ends_nothing(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(judging, "diagnose", fail)
    running = serve()
    assert end_of(running, header(1 << 30)).reason is Reason.FRAME_TOO_LARGE
    running.watcher.wait_for(Notice, lambda event: "a fault of ours" in event.text)
    with running.connect() as client:
        assert exchange(client, [frame(b"hi")], 6) == frame(b"hi")


def test_judging_takes_a_share_of_the_time_at_most(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "AT_ONCE", -1.0)
    assert end_of(serve(), little(b"hello", b"status of 7")).diagnosis is None


def test_a_snapshot_has_none_at_first(serve: Serve) -> None:
    running = serve()
    client, number = running.connect_known()
    exchange(client, [frame(b"hi")], 6)
    assert isinstance(running.shown(number, lambda snapshot: snapshot.bytes_in == 6), Snapshot)


# Right frames to us: an empty one, and a body, again and again.
EIGHT_BYTES = [
    len(body).to_bytes(8, "big") + body for body in (b"hello", b"status of 7", b"list accounts")
]


def test_a_length_of_8_bytes_is_told_while_its_client_waits_between_our_frames(
    serve: Serve,
) -> None:
    running = serve()
    client, number = running.connect_known()
    client.sendall(EIGHT_BYTES[0])
    time.sleep(0.12)  # it stands still, and goes on
    client.sendall(b"".join(EIGHT_BYTES[1:]))
    shown = running.shown(number, lambda snapshot: snapshot.diagnosis)
    assert shown.diagnosis is not None
    assert shown.diagnosis.code == "u64be"


def test_the_same_bytes_of_many_clients_are_judged_once(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = []

    def diagnose(*stream: object) -> None:
        judged.append(stream)

    monkeypatch.setattr(judging, "diagnose", diagnose)
    running = serve()
    for body in [b"one"] * 30 + [b"two", b"three"]:
        exchange(running.connect(), [frame(body)], 4 + len(body))
    until(lambda: len(judged) >= 3)
    assert [stream[0] for stream in judged] == list(map(frame, (b"one", b"two", b"three")))


def test_those_between_frames_do_not_keep_one_in_a_frame_from_its_name(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "AT_ONCE_BETWEEN", -1.0)
    monkeypatch.setattr(judging, "MOST_BETWEEN", 3)
    running = serve()
    numbers = []
    for _ in range(5):
        client, number = running.connect_known()
        client.sendall(b"".join(EIGHT_BYTES))
        numbers.append(number)
    client, number = running.connect_known()
    client.sendall(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")
    running.watcher.wait_for(Notice, lambda event: "(postgres)" in event.text)
    told = [event.text for event in running.watcher.all(Notice)]
    assert not [text for text in told if "u64be" in text]


def test_bytes_that_are_not_kept_may_be_right_so_nothing_is_said(serve: Serve) -> None:
    """The first 4 KiB of a frame that still arrives look like another framing; more does not."""
    running = serve(capture=64)
    client, number = running.connect_known()
    words = [b"a long word " * 25, *[b"hello", b"status of 7", b"list accounts"] * 150]
    foreign = b"".join(len(word).to_bytes(3, "big") + word for word in words)
    client.sendall(foreign + b"\xff" * 4_000)
    running.shown(number, lambda snapshot: snapshot.bytes_in > 9_000)
    await_another_name(running)
    assert not [event for event in running.watcher.all(Notice) if f"#{number} " in event.text]


def test_judging_stops_for_the_others_in_each_iteration(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "IN_ONE", 0.0)  # not even one
    running = serve()
    client, _ = running.connect_known()
    client.sendall(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")
    time.sleep(0.3)
    assert exchange(client, [b"...." + frame(b"hi")], 18)[-6:] == frame(b"hi")
    assert not [event for event in running.watcher.all(Notice) if "(postgres)" in event.text]


def test_heartbeats_of_empty_frames_are_no_stream_of_zeros(serve: Serve) -> None:
    running = serve()
    client, number = running.connect_known()
    for _ in range(24):
        assert exchange(client, [frame(b"")], 4) == frame(b"")
    await_another_name(running)
    assert not [event for event in running.watcher.all(Notice) if f"#{number} " in event.text]


def test_of_bytes_that_are_not_all_kept_the_text_says_so(serve: Serve) -> None:
    closed = end_of(serve(capture=64), little(*[b"a record of a stream"] * 2000))
    assert closed.diagnosis is not None
    assert closed.diagnosis.code == "u32le"
    assert f"Of the {closed.bytes_in:,} bytes that came" in closed.diagnosis.text
