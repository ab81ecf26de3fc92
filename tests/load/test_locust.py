"""The Locust user: its client in this process, and Locust itself as docs/load.md runs it."""

from __future__ import annotations

import importlib.util
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.core.framing import FrameDecoder, frame
from app.load import framed_client
from app.load.framed_client import EchoError, FramedClient, split_address
from tests.load.lying import Answer, lying_server
from tests.peers import Running
from tests.program import ROOT, environment

Serve = Callable[..., Running]
PATIENCE = 60
"""Time-out of a whole Locust run in seconds; it needs about six."""
needs_locust = pytest.mark.skipif(
    importlib.util.find_spec("locust") is None,
    reason="locust is not installed: pip install 'echo-tui[load]'",
)


class Request:
    """Keeps the events fired."""

    def __init__(self) -> None:
        self.told: list[dict[str, object]] = []

    def fire(self, **told: object) -> None:
        self.told.append(told)


@pytest.fixture
def request_event() -> Request:
    return Request()


@pytest.fixture
def client_of(request_event: Request) -> Iterator[Callable[..., FramedClient]]:
    clients: list[FramedClient] = []

    def make(port: int, timeout: float = 5.0) -> FramedClient:
        clients.append(FramedClient("127.0.0.1", port, request_event, timeout))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def test_echoes_are_told_in_milliseconds(
    serve: Serve, client_of: Callable[..., FramedClient], request_event: Request
) -> None:
    running = serve()
    client = client_of(running.server.port)
    for body in (b"", b"hello", bytes(300_000)):
        assert client.echo(body, name="any")
    assert [told["response_length"] for told in request_event.told] == [0, 5, 300_000]
    for told in request_event.told:
        assert told["exception"] is None
        assert (told["request_type"], told["name"]) == ("FRAME", "any")
        milliseconds = told["response_time"]
        assert isinstance(milliseconds, float)
        assert milliseconds > 0
        assert (milliseconds * 1000) == pytest.approx(round(milliseconds * 1000))
    watcher = running.watcher
    watcher.until(lambda: watcher.stats and watcher.stats.frames_in == 3, "three frames")
    assert watcher.stats
    assert watcher.stats.opened == 1, "one connection for all"


def wrong_byte(client: socket.socket, frames: list[bytes]) -> None:
    client.sendall(frames[0][:-1] + b"?")


def other_length(client: socket.socket, frames: list[bytes]) -> None:
    client.sendall(frame(b"1234567"))


def one_byte_more(client: socket.socket, frames: list[bytes]) -> None:
    client.sendall(frames[0] + b"\n")


def early_end(client: socket.socket, frames: list[bytes]) -> None:
    client.sendall(frames[0][:6])
    client.close()


@pytest.mark.parametrize(
    ("lie", "says"),
    [
        (wrong_byte, "byte 3 of the body came back as 0x3f, sent was 0x65"),
        (other_length, "announces a body of 7 bytes, sent were 4"),
        (one_byte_more, "1 bytes came back behind the echo of 4 bytes"),
        (early_end, "closed by the server with 2 of 8 bytes of the echo missing"),
    ],
)
def test_a_wrong_echo_is_a_failed_request(
    client_of: Callable[..., FramedClient], request_event: Request, lie: Answer, says: str
) -> None:
    with lying_server(1, lie) as port:
        assert not client_of(port).echo(b"here")
    (told,) = request_event.told
    problem = told["exception"]
    assert isinstance(problem, EchoError)
    assert says in problem.detail
    assert not re.search(r"\d", repr(problem)), "a row of Locust's table for each would grow"
    assert told["response_length"] == 0


class Killed(BaseException):
    """Stands for gevent's GreenletExit."""


class Scripted(FramedClient):
    """Make each exchange take the next of `seconds`; a negative one ends in a stop."""

    def __init__(self, request: Request, seconds: list[float]) -> None:
        super().__init__("127.0.0.1", 1, request)
        self._seconds = iter(seconds)
        self.now = 0.0

    def _exchange(self, body: bytes) -> None:
        seconds = next(self._seconds)
        self.now += abs(seconds)
        if seconds < 0:
            raise Killed


@pytest.mark.parametrize(
    ("seconds", "failures"),
    [
        ([-0.9], 0),
        ([-1.1], 1),
        ([0.1, -0.9], 0),
        ([0.1, -1.1], 1),
        ([0.8, 0.1, -1.5], 0),
        ([0.8, 0.1, -1.7], 1),
    ],
)
def test_an_echo_that_is_outstanding_at_the_stop_for_long_is_a_failed_request(
    request_event: Request, monkeypatch: pytest.MonkeyPatch, seconds: list[float], failures: int
) -> None:
    client = Scripted(request_event, seconds)
    monkeypatch.setattr(framed_client, "monotonic_ns", lambda: round(client.now * 1e9))
    for _ in seconds[:-1]:
        assert client.echo(b"")
    with pytest.raises(Killed):
        client.echo(b"")
    told = [event["exception"] for event in request_event.told]
    assert told[: len(seconds) - 1] == [None] * (len(seconds) - 1)
    assert [str(problem) for problem in told[len(seconds) - 1 :]] == (
        ["no echo when the user was stopped"] * failures
    )


def test_after_a_stop_there_is_a_new_connection(
    serve: Serve, client_of: Callable[..., FramedClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = serve()
    client = client_of(running.server.port)
    assert client.echo(b"first")

    class Stopped(FrameDecoder):
        def feed(self, data: bytes) -> None:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(framed_client, "FrameDecoder", Stopped)
        with pytest.raises(Killed):
            client.echo(b"stopped")
    assert client.echo(b"another")
    watcher = running.watcher
    watcher.until(lambda: watcher.stats and watcher.stats.opened == 2, "two connections")


def test_a_connection_with_itself_is_a_failed_request(
    client_of: Callable[..., FramedClient], request_event: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    itself = socket.socket()
    itself.bind(("127.0.0.1", 0))
    itself.connect(itself.getsockname())
    monkeypatch.setattr("socket.create_connection", lambda *_where: itself)
    assert not client_of(1).echo(b"?")
    assert "itself" in str(request_event.told[0]["exception"])


def test_after_a_failure_there_is_a_new_connection(
    serve: Serve, client_of: Callable[..., FramedClient], request_event: Request
) -> None:
    client = client_of(serve(cap=10).server.port)
    assert not client.echo(bytes(11))
    assert client.echo(bytes(10))
    assert "closed by the server" in str(request_event.told[0]["exception"])


def test_nobody_there_is_a_failed_request(
    client_of: Callable[..., FramedClient], request_event: Request
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert not client_of(port).echo(b"?")
    assert isinstance(request_event.told[0]["exception"], ConnectionRefusedError)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:81", ("127.0.0.1", 81)),
        ("tcp://server.example:81/", ("server.example", 81)),
        ("[::1]:81", ("::1", 81)),
        ("[::1]", ("::1", 9000)),
        ("server.example", ("server.example", 9000)),
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert split_address(text) == address


@pytest.mark.parametrize(
    "text", ["", ":81", "host:", "host:x", "host:0", "host:65536", "host:²", "::1", "::1:9000"]
)
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="write HOST:PORT"):
        split_address(text)


# --- Locust itself ---


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def locust(arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "locust", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        cwd=ROOT,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    try:
        out, log = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        out, log = process.communicate()
        raise AssertionError(f"Locust did not end within {PATIENCE} s:\n{out}\n{log}") from None
    return process.returncode, out, log


def documented_commands(server_port: int) -> list[list[str]]:
    """Return the commands of docs/load.md, with free ports."""
    text = (ROOT / "docs" / "load.md").read_text("utf-8").replace("\\\n", " ")
    commands = [line for line in text.splitlines() if line.startswith("locust ")]
    ports = {"5557": str(free_port()), "9000": str(server_port)}
    return [
        shlex.split(re.sub(r"\b(5557|9000)\b", lambda match: ports[match[0]], command))[1:]
        for command in commands
    ]


@pytest.mark.slow
@needs_locust
def test_a_master_and_two_workers(serve: Serve) -> None:
    running = serve()
    processes = [locust(arguments) for arguments in documented_commands(running.server.port)]
    assert len(processes) == 3
    try:
        *workers, (code, out, log) = [finish(process) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert code == 0, log
    assert [worker[0] for worker in workers] == [0, 0], workers
    echoes = int(re.findall(r"^echo-tui: ([\d,]+) right", out, re.MULTILINE)[0].replace(",", ""))
    by_worker = re.findall(r"^  worker \S+: ([\d,]+) right", out, re.MULTILINE)
    shares = [int(share.replace(",", "")) for share in by_worker]
    assert len(shares) == 2
    assert min(shares) > 0
    assert sum(shares) == echoes
    requests, failed = re.findall(r"Aggregated +(\d+) +(\d+)\(", log)[-1]
    assert (int(requests), int(failed)) == (echoes, 0), "as Locust itself counts"
    assert re.search(r"right echoes; p50 [\d.]+ ms .* max", out)
    watcher = running.watcher
    watcher.until(lambda: watcher.stats and watcher.stats.frames_in >= echoes, "all frames")


ONE_ECHO = """
from locust import task
from app.load.locust_user import FramedUser

class Once(FramedUser):
    @task
    def once(self):
        self.client.echo(b"once")
        self.environment.runner.quit()
"""


@pytest.mark.slow
@needs_locust
def test_locust_fails_on_a_wrong_echo(tmp_path: Path) -> None:
    locustfile = tmp_path / "locustfile.py"
    locustfile.write_text(ONE_ECHO, "utf-8")

    def lie(client: socket.socket, frames: list[bytes]) -> None:
        client.sendall(frames[0][:-1] + bytes([frames[0][-1] ^ 0xFF]))

    with lying_server(1, lie) as port:
        options = f"--headless --users 1 --run-time 50s --host 127.0.0.1:{port}"
        code, out, log = finish(locust(["-f", str(locustfile), *options.split()]))
    assert code == 1, log
    assert "a byte of the body came back wrong" in log
    assert "byte 3 of the body came back as 0x" in log
    assert out.startswith("echo-tui: 0 right echoes")


@pytest.mark.slow
@needs_locust
@pytest.mark.parametrize(("seconds", "failed"), [(6, 2), (1, 0)])
def test_locust_fails_on_a_server_that_never_answers(seconds: int, failed: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        options = f"--headless --users 2 --spawn-rate 2 --run-time {seconds}s"
        where = ["-f", "docs/locustfile.py", "--host", f"127.0.0.1:{port}"]
        code, out, log = finish(locust([*where, *options.split()]))
    assert code == 1, log
    assert out.startswith("echo-tui: 0 right echoes")
    assert re.findall(r"Aggregated +(\d+) +(\d+)\(", log)[-1] == (str(failed), str(failed))
