"""`echo-tui client`: one frame there and back, or one clear line why not."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from app.cli import client as client_module
from app.cli.client import ClientError, echo
from app.core.framing import frame, header
from tests.peers import PATIENCE, Running
from tests.program import run

Serve = Callable[..., Running]
Answering = Callable[[bytes], int]


@pytest.fixture
def answering() -> Iterator[Answering]:
    """`answering(data)`: the port of a peer that answers one header with `data` and ends."""
    threads: list[threading.Thread] = []

    def start(data: bytes) -> int:
        listening = socket.create_server(("127.0.0.1", 0))
        listening.settimeout(PATIENCE)

        def answer() -> None:
            with listening:
                accepted, _ = listening.accept()
            with accepted:
                accepted.settimeout(PATIENCE)
                accepted.recv(1 << 16)
                accepted.sendall(data)

        threads.append(threading.Thread(target=answer))
        threads[-1].start()
        port: int = listening.getsockname()[1]
        return port

    yield start
    for thread in threads:
        thread.join(PATIENCE)


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@pytest.mark.parametrize("body", [b"", b"hello", bytes(range(256)) * 5000])
def test_the_echo_is_the_body(serve: Serve, body: bytes) -> None:
    port = serve(cap=2 << 20).server.port
    assert echo("127.0.0.1", port, body, PATIENCE) == body


def test_a_reset_is_called_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def reset() -> None:
            peer, _ = listener.accept()
            peer.recv(100)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()

        thread = threading.Thread(target=reset)
        thread.start()
        message = complaint(listener.getsockname()[1])
        thread.join()
    assert "reset the connection after 0 of 4 bytes of the header" in message


def test_ipv6(serve: Serve) -> None:
    port = serve(host="::1").server.port
    assert echo("::1", port, b"six", PATIENCE) == b"six"


def complaint(port: int, body: bytes = b"body", host: str = "127.0.0.1") -> str:
    with pytest.raises(ClientError) as caught:
        echo(host, port, body, 2.0)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("size", [11, 3 << 20])
def test_a_refused_frame(serve: Serve, size: int) -> None:
    message = complaint(serve(cap=10).server.port, bytes(size))
    assert "closed the connection after 0 of 4 bytes of the header" in message
    assert f"one frame of {size:,} bytes; a CAP below that refuses it" in message


def test_a_refused_connection(free_port: int) -> None:
    assert complaint(free_port) == f"127.0.0.1:{free_port}: Connection refused"
    assert complaint(free_port, host="::1").startswith(f"[::1]:{free_port}: ")


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a" * 70 + ".b"])
def test_an_unknown_host(host: str) -> None:
    assert f"unknown host {host!r}" in complaint(1, host=host)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"", "after 0 of 4 bytes of the header"),
        (b"\0\0", "after 2 of 4 bytes of the header"),
        (header(4) + b"bo", "after 2 of 4 bytes of the body"),
        (frame(b"other than asked"), "announces an echo of 16 bytes, sent were 4"),
        (b"\4\0\0\0body", "behind a 4-byte little-endian length (u32le)"),
        (b"body", "the body came back without a header"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "sent were 4; what came fits SSH (ssh)"),
        (b"\x15\3\3\0\2\2\x46", "what came fits a TLS alert (tls)"),
    ],
)
def test_an_answer_that_is_no_echo(answering: Answering, answer: bytes, says: str) -> None:
    assert says in complaint(answering(answer))


Accepted = Callable[[bytes, bytes], tuple[str, list[socket.socket]]]


@pytest.fixture
def accepted() -> Iterator[Accepted]:
    """`accepted(body, answer)`: what the client says of a server that answers and never reads."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        kept: list[socket.socket] = []

        def run(body: bytes, answer: bytes) -> tuple[str, list[socket.socket]]:
            def serve() -> None:
                kept.append(listening.accept()[0])
                kept[0].sendall(answer)

            thread = threading.Thread(target=serve)
            thread.start()
            with pytest.raises(ClientError) as caught:
                echo("127.0.0.1", listening.getsockname()[1], body, 0.2)
            thread.join(PATIENCE)
            return str(caught.value), kept

        yield run
        for sock in kept:
            sock.close()


def test_a_server_that_says_nothing(accepted: Accepted) -> None:
    said, _ = accepted(b"anyone?", b"")
    assert "did not answer within 0.2 s: its kernel has all 11 bytes, its program does not" in said
    assert said.endswith("came back 0, missing 11 bytes of the echo")


def test_a_server_that_stops_in_the_middle_of_the_echo(accepted: Accepted) -> None:
    said, _ = accepted(b"anyone?", header(7) + b"any")
    assert "did not go on within 0.2 s: its kernel has all 11 bytes" in said
    assert said.endswith("came back 7, missing 4 bytes of the echo")


def test_a_server_that_waits_for_more_because_of_its_framing(accepted: Accepted) -> None:
    said, _ = accepted(b"anyone?", b"\0\0\0\0\0\0\0\7anyo")
    assert "announces an echo of 0 bytes, sent were 7" in said
    assert said.endswith("; the body came back behind an 8-byte big-endian length (u64be)")


def test_what_comes_in_two_parts_is_judged_as_one() -> None:
    first, second = b"HTTP/1.1 400 Bad Request\r\n", b"Connection: close\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                peer.recv(100)
                peer.sendall(first[:5])
                peer.sendall(first[5:] + second)

        thread = threading.Thread(target=answer)
        thread.start()
        message = complaint(listener.getsockname()[1])
        thread.join()
    assert message.endswith("sent were 4; what came fits HTTP/1 (http1)")


def test_a_server_that_does_not_read(accepted: Accepted) -> None:
    said, (sock,) = accepted(bytes(50 << 20), b"")
    match = re.search(
        r": it does not read: sent ([\d,]+) of 52,428,804 bytes, ([\d,]+) of them acknow", said
    )
    assert match is not None, said
    sent, acknowledged = (int(text.replace(",", "")) for text in match.groups())
    assert 0 < acknowledged <= sent < 50 << 20
    sock.setblocking(False)
    held = 0
    with contextlib.suppress(BlockingIOError, ConnectionResetError):
        while data := sock.recv(1 << 20):
            held += len(data)
    assert held


def test_the_timeout_is_for_each_wait_and_not_for_a_whole_slow_send() -> None:
    body, pause = bytes(4 << 20), 0.15
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)

        def read_slowly() -> None:
            sock, _ = listening.accept()
            with sock:
                read = 0
                while read < len(body) + 4:
                    time.sleep(pause)
                    for _ in range(8):
                        read += len(sock.recv(1 << 18))
                        if read >= len(body) + 4:
                            break
                sock.sendall(frame(body))

        thread = threading.Thread(target=read_slowly)
        thread.start()
        started = time.monotonic()
        assert echo("127.0.0.1", listening.getsockname()[1], body, 3 * pause) == body
        assert time.monotonic() - started > 3 * pause
        thread.join(PATIENCE)


def test_an_echo_that_begins_before_all_is_sent_does_not_stand() -> None:
    body = bytes(range(256)) * (20 << 12)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def pass_on() -> None:
            sock, _ = listening.accept()
            with sock:
                while data := sock.recv(1 << 16):
                    sock.sendall(data)

        thread = threading.Thread(target=pass_on)
        thread.start()
        assert echo("127.0.0.1", listening.getsockname()[1], body, 2.0) == body
        thread.join(PATIENCE)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_connection_with_itself_is_told(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.bind((host, 0))
        sock.connect(sock.getsockname())
        monkeypatch.setattr(socket, "create_connection", lambda *_arguments: sock)
        assert "no server: the connection was made with itself" in complaint(1, host=host)


def test_a_body_that_no_header_can_announce(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "MAX_LENGTH", 3)
    assert "does not fit a 4-byte header" in complaint(1)


# --- the command ---


@pytest.mark.slow
def test_the_command_prints_the_echo(serve: Serve) -> None:
    port = str(serve().server.port)
    ended = run("client", "127.0.0.1", port, "héllo")
    assert (ended.returncode, ended.stdout) == (0, "echo: héllo\n".encode())
    ended = run("client", "127.0.0.1", port, "-", stdin=b"\0raw\xff\n")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"echo: \0raw\xff\n\n", b"")


@pytest.mark.slow
def test_an_ipv6_address_may_have_brackets(serve: Serve) -> None:
    ended = run("client", "[::1]", str(serve(host="::1").server.port), "six")
    assert (ended.returncode, ended.stdout) == (0, b"echo: six\n")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["refused", "early end", "too large", "other bytes"])
def test_the_command_fails_with_one_line(
    serve: Serve, answering: Answering, free_port: int, kind: str
) -> None:
    port = {
        "refused": lambda: free_port,
        "early end": lambda: answering(b"\0\0"),
        "too large": lambda: serve(cap=3).server.port,
        "other bytes": lambda: answering(frame(b"ydob")),
    }[kind]()
    ended = run("client", "127.0.0.1", str(port), "body")
    assert (ended.returncode, ended.stdout) == (1, b"")
    assert ended.stderr.startswith(b"echo-tui client: ")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["127.0.0.1", "0", "x"], b"PORT 0"),
        (["127.0.0.1", "70000", "x"], b"PORT 70000"),
        (["127.0.0.1", "abc", "x"], b"abc"),
        (["127.0.0.1", "1"], b"MESSAGE"),
        (["--timeout", "-1", "127.0.0.1", "1", "x"], b"-1"),
        (["--timeout", "nan", "127.0.0.1", "1", "x"], b"nan"),
    ],
)
def test_wrong_arguments_are_one_line_that_names_them(arguments: list[str], names: bytes) -> None:
    ended = run("client", *arguments)
    assert ended.returncode == 2, ended.stderr
    assert names in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
