"""`echo-tui load` as a program: exit codes, the report, JSON, the progress line, Ctrl-C."""

from __future__ import annotations

import json
import os
import socket
import tempfile
from collections.abc import Callable
from typing import Any

import pytest

from app.load.conduct import Worker
from app.load.outcome import Outcome, ProfileOutcome, Progress, Ready
from app.load.plan import Share
from app.load.report import ProgressLine, milliseconds, report
from app.load.result import Result, merge
from tests.load.lying import lying_server, plan
from tests.load.lying import share as only_share
from tests.peers import Running
from tests.program import run
from tests.terminal import Terminal

Serve = Callable[..., Running]
KEYS = (
    "schema target ok interrupted plan connected connect_failures frames seconds frames_per_s "
    "bytes_per_s late wrong missing lost latency_us generator findings profiles"
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
    assert errors == "echo-tui: --frames 0 is out of range: it must be 1 at least\n"


@pytest.mark.slow
def test_the_report(serve: Serve) -> None:
    code, out, errors = load(serve().server.port, "--frames", "500", "--connections", "4")
    assert (code, errors) == (0, "")
    lines = out.splitlines()
    assert "4 connections, 1 frames in flight on each; bodies of 64B; closed loop" in lines[0]
    assert "500 frames; seed 1" in lines[0]
    assert any(line.startswith("connected    4 of 4") for line in lines)
    assert any(line.startswith("echoes       500 in ") for line in lines)
    assert any("p99.9" in line and "max" in line for line in lines)
    assert any(" █" in line and " %" in line for line in lines)
    assert lines[-1] == "every byte of 500 echoes was right"


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
    assert out.splitlines()[-1].startswith("NOT WELL: 1 wrong, 0 missing echoes")
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
def test_progress_on_a_terminal_and_ctrl_c(serve: Serve) -> None:
    port = str(serve().server.port)
    options = "--connections 3 --duration 600 --processes 2 --profile half-close".split()
    with Terminal("load", "127.0.0.1", port, *options, columns=100) as terminal:
        terminal.wait_for(lambda text: "of 600 · 3 connections · " in text and " · 0 wrong" in text)
        terminal.press("\x03")
        assert terminal.exit_code() == 0
        assert "interrupted: what was measured until then" in terminal.text
        assert "echoes was right" in terminal.text
        assert "of 600 · 3" not in terminal.text, "the progress line is taken away"
        assert "half-close   1 client, as expected" in terminal.text


@pytest.mark.slow
def test_ctrl_c_again_ends_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])
        options = "--connections 1 --duration 600 --timeout 600".split()
        with Terminal("load", "127.0.0.1", port, *options, columns=100) as terminal:
            terminal.wait_for(lambda text: "of 600 · 1 connections · " in text)
            terminal.press("\x03")
            terminal.wait_for(lambda text: "ending" in text)
            terminal.press("\x03")
            assert terminal.exit_code() == 1
            assert "1 process of the generator ended without a result" in terminal.text


# --- without a program ---


def progress_of(share: Share, frames: int = 10, wrong: int = 0) -> Worker:
    worker = Worker.__new__(Worker)
    worker.share = share
    worker.ready = Ready(1, {})
    worker.progress = Progress(
        seconds=1.0, alive=2, frames=frames, bytes=640, wrong=wrong, latency=((7, 3),)
    )
    worker.outcome = None
    return worker


def test_nothing_is_shown_where_there_is_no_terminal() -> None:
    with tempfile.TemporaryFile() as nowhere:
        line = ProgressLine(plan(frames=1), nowhere.fileno())
        line.show([progress_of(only_share(1, frames=1))])
        line.ending()
        line.clear()
        assert nowhere.tell() == 0


def test_the_progress_line_sums_the_workers() -> None:
    master, terminal = os.openpty()
    try:
        line = ProgressLine(plan(duration=9.0), terminal)
        one = only_share(1, frames=1)
        line.show([progress_of(one), progress_of(one, frames=32, wrong=1)])
        shown = os.read(master, 1000).decode()
        assert "1.0 s of 9 · 4 connections · 42 echoes · 42/s · p50 0.007 ms" in shown
        assert "· 1 wrong" in shown
        assert "\n" not in shown
        line.clear()
        assert os.read(master, 1000) == b"\r\x1b[2K"
    finally:
        os.close(terminal)
        os.close(master)


def merged(*outcomes: Outcome | None, **asked: Any) -> Result:
    workers = []
    for outcome in outcomes:
        workers.append(progress_of(only_share(1, frames=1)))
        workers[-1].outcome = outcome
    return merge(plan(**{"duration": 2.0, **asked}), workers, interrupted=False)


def test_outcomes_are_merged() -> None:
    one = Outcome(
        frames=110, measured_frames=100, measured_bytes=6400, measured_s=2.0, cpu_s=1.9,
        latency=((5, 110),),
    )  # fmt: skip
    other = Outcome(
        frames=50, measured_frames=50, measured_bytes=3200, measured_s=2.0, cpu_s=0.2,
        latency=((9, 50),), late=3,
    )  # fmt: skip
    result = merged(one, other)
    assert (result.frames, result.connected, result.late) == (160, 2, 3)
    assert (result.frames_per_s, result.bytes_per_s) == (75.0, 4800.0)
    assert result.latency.to_counts() == ((5, 110), (9, 50))
    assert result.cpu == (0.95, 0.1)
    assert result.was_the_ceiling
    assert result.well
    text = "\n".join(report(result))
    assert "95 %, 10 % of a core: the generator was the ceiling" in text
    assert "3 frames were due and could not be sent in time" in text


def test_a_process_without_an_outcome_is_told() -> None:
    result = merged(Outcome(measured_s=1.0), None)
    assert not result.well
    assert "1 process of the generator ended without a result" in "\n".join(report(result))


def test_a_profile_that_saw_what_it_should_not() -> None:
    seen = ProfileOutcome(
        profile="oversize", clients=1, connections=1, sent=1, echoed=1, as_expected=False,
        saw="not refused",
    )  # fmt: skip
    result = merged(Outcome(measured_s=1.0, profiles=(seen,)))
    assert not result.well
    assert "oversize     1 client, NOT AS EXPECTED: not refused" in "\n".join(report(result))


@pytest.mark.parametrize(
    ("us", "text"),
    [(7, "0.007 ms"), (1234, "1.23 ms"), (99_940, "99.9 ms"), (123_456, "123 ms"),
     (4_100_000, "4.1 s"), (3_600_000_000, "3,600 s")],
)  # fmt: skip
def test_durations_in_words(us: int, text: str) -> None:
    assert milliseconds(us) == text
