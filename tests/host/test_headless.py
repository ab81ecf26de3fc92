"""The program without a screen, from outside: its lines, its signals, its exit codes."""

from __future__ import annotations

import json
import re
import signal
import socket
import time
from collections.abc import Iterator

import pytest

from app.core.framing import frame
from tests.peers import connect, exchange
from tests.program import Headless, run

pytestmark = pytest.mark.slow


def test_text_lines() -> None:
    with Headless() as program:
        assert re.fullmatch(r"listening on 127\.0\.0\.1:\d+", program.first)
        with connect(program.port) as client:
            peer = "{}:{}".format(*client.getsockname())
            assert exchange(client, [frame(b"hi")], 6) == frame(b"hi")
        code, out, errors = program.end(signal.SIGTERM)
    lines = out.splitlines()
    assert (code, errors) == (0, "")
    assert all(re.match(r"\d\d:\d\d:\d\d\.\d{3} ", line) for line in lines)
    assert f"opened   #1 {peer} fd " in out
    assert "stopping on SIGTERM" in out
    assert lines[-1].endswith("1 frame, 6 B in, 6 B out")


def test_json_lines() -> None:
    with Headless("--log-format", "json", "--trace", "io") as program:
        first = json.loads(program.first)
        assert (first["event"], first["host"]) == ("listening", "127.0.0.1")
        assert first["pid"] == program.process.pid
        with connect(program.port) as client:
            opened = program.event("opened")
            exchange(client, [frame(b"hi")], 6)
            assert program.event("io")["call"] == "read"  # told while the connection is open
        closed = program.event("closed")
        assert closed["id"] == opened["id"] == 1
        assert closed["reason"] == "eof"
        assert (closed["frames_out"], closed["bytes_in"], closed["bytes_out"]) == (1, 6, 6)
        code, out, errors = program.end(signal.SIGINT)
    events = [json.loads(line) for line in out.splitlines()]
    assert (code, errors) == (0, "")
    assert [event["event"] for event in events] == ["stopping", "stopped"]
    assert all(abs(event["t"] - time.time()) < 60 for event in (first, opened, closed, *events))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_a_requested_stop(number: signal.Signals) -> None:
    with Headless("--log-format", "json") as program:
        code, out, errors = program.end(number)
    last = json.loads(out.splitlines()[-1])
    assert (code, errors) == (0, "")
    assert (last["event"], last["cause"]) == ("stopped", number.name)


def test_a_second_signal_does_not_wait_for_the_grace() -> None:
    with (
        Headless("--log-format", "json", "--grace", "60", "--cap", "4MiB") as program,
        connect(program.port, receive_buffer=4096) as client,
    ):
        client.sendall(frame(bytes(4 << 20)))
        client.recv(1)
        program.process.send_signal(signal.SIGTERM)
        assert program.event("stopping")["grace"] == 60
        code, out, errors = program.end(signal.SIGTERM)
    assert (code, errors) == (0, "")
    told = map(json.loads, out.splitlines())
    closed = next(event for event in told if event["event"] == "closed")
    assert closed["reason"] == "shutdown"


def test_a_reader_of_the_log_that_goes_away_does_not_end_the_server() -> None:
    with Headless() as program:
        assert program.process.stdout is not None
        program.process.stdout.close()
        with connect(program.port) as client:
            assert exchange(client, [frame(b"hi")], 6) == frame(b"hi")
        program.process.send_signal(signal.SIGTERM)
        assert program.process.wait(10) == 0
        assert program.process.stderr is not None
        assert "the log ends here" in program.process.stderr.read()
        program.process.stderr.close()
        program.process.stdout = program.process.stderr = None


@pytest.fixture
def taken_port() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield str(taken.getsockname()[1])


STARTUP_ERRORS = {
    "port in use": (["127.0.0.1", "TAKEN"], "TAKEN"),
    "foreign address": (["192.0.2.1", "0"], "192.0.2.1"),
    "unknown host": (["no.such.host.invalid", "0"], "no.such.host.invalid"),
    "port too large": (["127.0.0.1", "70000"], "70000"),
    "port negative": (["127.0.0.1", "-1"], "-1"),
    "port a word": (["127.0.0.1", "abc"], "abc"),
    "port control": (["127.0.0.1", "a\x1b[2Jb\nc"], "a\\"),
    "too many arguments": (["127.0.0.1", "0", "surplus"], "surplus"),
    "cap 0": (["--cap", "0"], "--cap 0"),
    "cap negative": (["--cap", "-1"], "-1"),
    "cap too large": (["--cap", "2GiB"], "--cap 2GiB"),
    "cap a word": (["--cap", "abc"], "abc"),
    "cap of 5,000 digits": (["--cap", "9" * 5000], "--cap"),
    "unknown poller": (["--poller", "iocp"], "iocp"),
    "poller not here": (["--poller", "kqueue"], "kqueue"),
    "unknown write mode": (["--write-mode", "often"], "often"),
    "unknown trace": (["--trace", "all"], "all"),
    "unknown option": (["--colour"], "--colour"),
    "unknown log format": (["--log-format", "xml"], "xml"),
    "no connections": (["--max-connections", "0"], "--max-connections 0"),
    "backlog": (["--backlog", "0"], "--backlog 0"),
    "negative time-out": (["--header-timeout", "-1"], "--header-timeout -1"),
    "time-out nan": (["--idle-timeout", "nan"], "--idle-timeout nan"),
    "time-out a word": (["--body-timeout", "soon"], "soon"),
    "grace": (["--grace", "-1"], "--grace -1"),
}


@pytest.mark.parametrize("kind", STARTUP_ERRORS)
def test_what_is_wrong_at_start_up_is_one_line_that_names_it(kind: str, taken_port: str) -> None:
    arguments, names = STARTUP_ERRORS[kind]
    ended = run("--no-ui", *(argument.replace("TAKEN", taken_port) for argument in arguments))
    errors = ended.stderr.decode()
    assert ended.returncode == 2, errors
    assert ended.stdout == b""
    assert errors.startswith("echo-tui: ")
    assert len(errors.splitlines()) == 1
    assert names.replace("TAKEN", taken_port) in errors
    assert "\x1b" not in errors
