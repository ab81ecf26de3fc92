"""`echo-tui load` as a program: exit codes, the report, JSON, the progress line, Ctrl-C."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.load.lying import lying_server
from tests.peers import Running
from tests.program import run
from tests.terminal import Terminal

Serve = Callable[..., Running]
KEYS = (
    "schema target ok interrupted plan connected connect_failures frames seconds frames_per_s "
    "bytes_per_s late stranded wrong missing lost unexpected latency_us generator found findings "
    "profiles"
).split()


def load(port: int, *options: str) -> tuple[int, str, str]:
    ended = run("load", "127.0.0.1", str(port), *options)
    return ended.returncode, ended.stdout.decode(), ended.stderr.decode()


def load_json(port: int, *options: str) -> tuple[int, dict[str, Any]]:
    code, out, errors = load(port, *options, "--json")
    assert errors == ""
    assert len(out.splitlines()) == 1
    return code, json.loads(out)


@pytest.mark.slow
def test_json_of_two_processes_and_every_profile(serve: Serve) -> None:
    running = serve()
    profiles = "--profile slow-reader --profile dribbler --profile oversize:2 --profile half-close"
    code, told = load_json(
        running.server.port,
        *"--connections 5 --depth 3 --size 10:1,100:1 --duration 0.5 --processes 2".split(),
        *f"{profiles} --profile reset --seed 3".split(),
    )
    assert code == 0, told
    assert list(told) == KEYS
    assert told["schema"] == 1
    assert told["ok"] is True
    assert told["plan"]["profiles"]["oversize"] == 2
    assert (told["plan"]["size"], told["plan"]["seed"]) == ("10B 50 %, 100B 50 %", 3)
    assert (told["connected"], told["connect_failures"]) == (5, {})
    assert told["frames"] == told["latency_us"]["count"] > 0
    assert sum(times for _, _, times in told["latency_us"]["buckets"]) == told["frames"]
    assert len(told["generator"]["cpu"]) == 2
    assert [profile["profile"] for profile in told["profiles"]] == [
        "slow-reader", "dribbler", "oversize", "half-close", "reset",
    ]  # fmt: skip
    assert all(profile["as_expected"] for profile in told["profiles"])
    watcher = running.watcher
    watcher.until(lambda: watcher.stats and watcher.stats.open == 0, "all closed")
    assert watcher.stats
    # What was reset unread may or may not have been echoed.
    echoed = told["frames"] + sum(profile["echoed"] for profile in told["profiles"])
    assert watcher.stats.frames_in >= echoed


def test_no_frames_are_a_mistake_and_not_ten_seconds_of_them() -> None:
    code, out, errors = load(1, "--frames", "0")
    assert (code, out) == (2, "")
    assert errors == "echo-tui: --frames 0 is out of range: it must be 1 to 1,000,000,000,000\n"


@pytest.mark.slow
def test_the_report(serve: Serve) -> None:
    code, out, errors = load(serve().server.port, "--frames", "500", "--connections", "4")
    assert (code, errors) == (0, "")
    lines = out.splitlines()
    assert "4 connections, 1 frame in flight on each; bodies of 64B; closed loop" in lines[0]
    assert "500 frames; seed 1" in lines[0]
    assert any(line.startswith("connected    4 of 4") for line in lines)
    assert any(line.startswith("echoes       500 in ") for line in lines)
    assert any("p99.9" in line and "max" in line for line in lines)
    assert any(" █" in line and " %" in line for line in lines)
    assert lines[-1] == "every byte of 500 echoes was right"


@pytest.mark.slow
@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_ipv6_with_brackets_and_without(serve: Serve, host: str) -> None:
    port = str(serve(host="::1").server.port)
    ended = run("load", host, port, "--frames", "3", "--connections", "1")
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.startswith(f"[::1]:{port}; ".encode())


@pytest.mark.slow
def test_profiles_alone_verify_echoes_too(serve: Serve) -> None:
    options = "--connections 0 --duration 0.1 --profile half-close:2".split()
    code, out, errors = load(serve().server.port, *options)
    assert (code, errors) == (0, "")
    assert out.splitlines()[-1] == "every byte of 16 echoes was right"


@pytest.mark.slow
def test_an_open_loop_says_so(serve: Serve) -> None:
    options = "--rate 200 --frames 40 --connections 2".split()
    code, out, _ = load(serve().server.port, *options)
    assert code == 0
    assert "200 frames/s asked for" in out
    assert "from the moment each frame was due" in out


def flipped(client: socket.socket, frames: list[bytes]) -> None:
    client.sendall(frames[0] + frames[1][:20] + b"?" + frames[1][21:])


@pytest.mark.slow
def test_a_wrong_echo_is_exit_code_1(serve: Serve) -> None:
    options = "--connections 1 --depth 2 --frames 2".split()
    with lying_server(2, flipped) as port:
        code, out, _ = load(port, *options)
    assert code == 1
    assert "connection 0, frame 1, offset 20: this byte came back as 0x3f, sent was 0x" in out
    assert out.splitlines()[-1] == "NOT WELL: 1 wrong echo; right: 0 echoes"
    with lying_server(2, flipped) as port:
        code, told = load_json(port, *options)
    assert (code, told["ok"], told["wrong"]) == (1, False, 1)
    (finding,) = told["findings"]
    assert (finding["connection"], finding["frame"], finding["offset"]) == (0, 1, 20)
    assert finding["kind"] == "wrong"


@pytest.mark.slow
def test_connections_beyond_the_limit_are_exit_code_1(serve: Serve) -> None:
    port = serve(max_connections=2).server.port
    code, told = load_json(port, "--connections", "4", "--frames", "40", "--timeout", "1")
    assert code == 1
    assert told["lost"] == 2
    assert told["missing"] + told["frames"] <= 40
    assert "missing" in {finding["kind"] for finding in told["findings"]}


@pytest.mark.slow
def test_a_cap_below_the_size_is_exit_code_1(serve: Serve) -> None:
    code, out, _ = load(serve(cap=100).server.port, *"--size 101 --frames 9 --depth 3".split())
    assert code == 1
    assert "echoes missing; of this one came 0 of 105 bytes" in out


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [["--connections", "3"], ["--connections", "0", "--profile", "reset"]]
)
def test_no_connection_is_exit_code_2(free_port: int, options: list[str]) -> None:
    code, out, errors = load(free_port, *options)
    assert (code, out) == (2, "")
    times = "3" if options[1] == "3" else "1"
    assert errors == (
        f"echo-tui load: no connection to 127.0.0.1:{free_port}: Connection refused "
        f"({times} times)\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["127.0.0.1", "0"], "PORT 0"),
        (["127.0.0.1", "x"], "PORT 'x'"),
        (["no.such.host.invalid", "9"], "unknown host 'no.such.host.invalid'"),
        (["127.0.0.1", "9", "--size", "2-1"], "--size '2-1'"),
        (["127.0.0.1", "9", "--profile", "sloth"], "--profile 'sloth'"),
        (["127.0.0.1", "9", "--depth", "0"], "--depth 0"),
        (["127.0.0.1", "9", "--size", "1GiB", "--depth", "9"], "--depth 9 need"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(arguments: list[str], names: str) -> None:
    ended = run("load", *arguments)
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert names in ended.stderr.decode()
    assert len(ended.stderr.splitlines()) == 1


# --- on a terminal ---


@pytest.mark.slow
def test_ctrl_c_while_connecting_is_exit_code_2_and_no_praise(serve: Serve) -> None:
    port = str(serve().server.port)
    options = "--connections 500 --connect-rate 50 --profile reset".split()
    with Terminal("load", "127.0.0.1", port, *options, columns=160) as terminal:
        terminal.wait_for(lambda text: " of 500 connections" in text)
        terminal.press("\x03")
        assert terminal.exit_code() == 2
        told = f"^echo-tui load: interrupted while connecting to 127.0.0.1:{port}: "
        assert re.match(rf"{told}\d+ of 500 connections open, nothing was sent +\n", terminal.text)
        assert "was right" not in terminal.text


@pytest.mark.slow
def test_progress_on_a_terminal_and_ctrl_c(serve: Serve) -> None:
    port = str(serve().server.port)
    options = "--connections 3 --duration 600 --processes 2 --profile half-close".split()
    with Terminal("load", "127.0.0.1", port, *options, columns=100) as terminal:
        terminal.wait_for(lambda text: "of 600 · 0 wrong · " in text and " · 3 connections" in text)
        terminal.press("\x03")
        assert terminal.exit_code() == 0
        assert "interrupted: what was measured until then" in terminal.text
        assert "echoes was right" in terminal.text
        assert "of 600 · 0 wrong" not in terminal.text, "the progress line is taken away"
        assert "half-close   1 client, as expected" in terminal.text


@pytest.mark.slow
def test_ctrl_c_again_ends_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])
        options = "--connections 1 --duration 600 --timeout 600".split()
        with Terminal("load", "127.0.0.1", port, *options, columns=100) as terminal:
            terminal.wait_for(lambda text: " · 1 connection · " in text)
            terminal.press("\x03")
            terminal.wait_for(lambda text: "ending" in text)
            terminal.press("\x03")
            assert terminal.exit_code() == 1
            assert "1 process of the generator ended without a result" in terminal.text
