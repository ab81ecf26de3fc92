"""The program with worker processes, from outside: the same lines, signals and exit codes."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Callable
from functools import partial

import psutil
import pytest

from app.core.framing import frame
from app.server.kernel import send_queue
from tests.host import test_headless
from tests.peers import PATIENCE, connect, exchange, read_to_end
from tests.program import Headless, run
from tests.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture
def with_workers(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Have the tests of the program without workers run it with some."""

    def use(count: int) -> None:
        monkeypatch.setattr(test_headless, "Headless", partial(Headless, "--workers", str(count)))

    return use


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_a_requested_stop(
    number: signal.Signals, with_workers: Callable[[int], None]
) -> None:
    with_workers(2)
    test_headless.test_a_signal_is_a_requested_stop(number)


@pytest.mark.parametrize(
    ("test", "count"),
    [
        (test_headless.test_text_lines, 1),
        (test_headless.test_json_lines, 1),
        (test_headless.test_a_second_signal_does_not_wait_for_the_grace, 2),
        (test_headless.test_a_reader_of_the_log_that_goes_away_does_not_end_the_server, 2),
    ],
)
def test_what_the_program_does(
    test: Callable[[], None], count: int, with_workers: Callable[[int], None]
) -> None:
    with_workers(count)
    test()


@pytest.mark.parametrize("arguments", [["-1"], ["257"], ["two"]])
def test_a_number_of_workers_that_cannot_be(arguments: list[str]) -> None:
    ended = run("--no-ui", "--workers", *arguments)
    errors = ended.stderr.decode()
    assert ended.returncode == 2
    assert len(errors.splitlines()) == 1
    assert arguments[0] in errors


def test_a_port_in_use() -> None:
    with Headless("--workers", "2") as program:
        ended = run("--no-ui", "--workers", "2", "127.0.0.1", str(program.port))
    errors = ended.stderr.decode()
    assert ended.returncode == 2
    assert errors.startswith(f"echo-tui: 127.0.0.1:{program.port} is in use")
    assert len(errors.splitlines()) == 1


def test_opened_tells_the_worker() -> None:
    with Headless("--workers", "1", "--log-format", "json") as program:
        first = json.loads(program.first)
        assert (first["workers"], first["pid"]) == (1, program.process.pid)
        with connect(program.port):
            assert program.event("opened")["worker"] == 1
    with Headless("--workers", "1") as program, connect(program.port) as client:
        exchange(client, [frame(b"hi")], 6)
        _, out, _ = program.end(signal.SIGTERM)
        assert " worker 1\n" in out


def processes_of(program: Headless, count: int) -> list[psutil.Process]:
    """The program's workers, once each has served somebody."""
    while len(served := psutil.Process(program.process.pid).children()) < count:
        assert program.process.poll() is None
    return served


def test_ctrl_c_reaches_all_processes_and_all_end_in_order() -> None:
    """The terminal sends it to the whole process group."""
    with Headless("--workers", "2", "--log-format", "json") as program:
        with connect(program.port, receive_buffer=8192) as client:
            body = frame(bytes(500_000))
            client.sendall(body)
            workers = processes_of(program, 2)
            for worker in workers:
                worker.send_signal(signal.SIGINT)
            program.process.send_signal(signal.SIGINT)
            assert read_to_end(client) == body
        code, out, errors = program.end()
    assert (code, errors) == (0, "")
    last = json.loads(out.splitlines()[-1])
    assert (last["event"], last["bytes_out"]) == ("stopped", len(body))
    assert not [worker for worker in workers if worker.is_running()]


def test_workers_end_when_their_parent_is_killed() -> None:
    with Headless("--workers", "3") as program, connect(program.port) as client:
        assert exchange(client, [frame(b"hi")], 6) == frame(b"hi")
        workers = processes_of(program, 3)
        program.process.kill()
        assert read_to_end(client) == b""
        _, alive = psutil.wait_procs(workers, PATIENCE)
        assert not alive


def test_a_worker_is_killed_again_and_again_under_load_and_the_port_never_refuses() -> None:
    refusals: list[OSError] = []
    served = 0
    done = threading.Event()

    def churn(port: int) -> None:
        nonlocal served
        while not done.is_set():
            try:
                client = connect(port)
            except OSError as error:
                refusals.append(error)
                return
            with client:
                try:
                    served += exchange(client, [frame(b"hi")], 6) == frame(b"hi")
                except ConnectionError:
                    continue  # the worker that had accepted it was killed

    with Headless("--workers", "2", "--log-format", "json") as program:
        churning = threading.Thread(target=churn, args=(program.port,))
        log = threading.Thread(target=program.process.stdout.readlines)  # type: ignore[union-attr]
        churning.start()
        workers = processes_of(program, 2)
        for victim in (0, 1, 0, 1):
            workers = processes_of(program, 2)
            before = served
            workers[victim].kill()
            psutil.wait_procs([workers[victim]], PATIENCE)
            while served < before + 50 and churning.is_alive():
                processes_of(program, 1)
        done.set()
        churning.join()
        log.start()
        program.process.send_signal(signal.SIGTERM)
        assert program.process.wait(PATIENCE) == 0
        log.join()
    assert not refusals
    assert served >= 200


def test_a_stop_under_load_echoes_what_was_received() -> None:
    # The grace is for a busy machine: what is received takes as long as its peers take to read it.
    with Headless("--workers", "2", "--log-format", "json", "--grace", "60") as program:
        size = len(frame(bytes(60_000)))
        bodies = [frame(bytes([n]) * 60_000) * 50 for n in range(16)]
        clients = [connect(program.port, receive_buffer=8192) for _ in bodies]
        sent = [send_at_once(*each) for each in zip(clients, bodies, strict=True)]
        until(lambda: all(acknowledged(*each) >= size for each in zip(clients, sent, strict=True)))
        arrived = [acknowledged(*each) for each in zip(clients, sent, strict=True)]
        due = [count - count % size for count in arrived]
        for client, body, count in zip(clients, bodies, sent, strict=True):
            threading.Thread(target=send_rest, args=(client, body[count:])).start()
        received: dict[int, bytes] = {}
        readers = [
            threading.Thread(target=lambda n=n: received.update({n: read_to_end(clients[n])}))
            for n in range(16)
        ]
        program.process.send_signal(signal.SIGTERM)
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        for client in clients:
            client.close()
        code, out, errors = program.end()
    assert (code, errors) == (0, "")
    assert all(bodies[n].startswith(received[n]) for n in range(16))
    assert all(len(received[n]) >= due[n] > 0 for n in range(16))
    last = json.loads(out.splitlines()[-1])
    assert last["bytes_out"] == sum(map(len, received.values()))


def send_at_once(client: socket.socket, data: bytes) -> int:
    """Send what the kernel takes at once; return how many bytes that is."""
    client.setblocking(False)
    count = client.send(data)
    client.settimeout(PATIENCE)
    return count


def acknowledged(client: socket.socket, sent: int) -> int:
    """Count the bytes of those sent that have arrived in the server's kernel."""
    return sent - (send_queue(client.fileno()) or 0)


def send_rest(client: socket.socket, rest: bytes) -> None:
    try:
        client.sendall(rest)
    except OSError:
        return  # the server has stopped before it took everything
