"""`ctl stats`, metrics, recording and log tell the same, and it is what clients count."""

from __future__ import annotations

import json
import re
import signal
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from app.core.framing import frame
from app.core.statistics import LoopStats
from app.recording.reader import Recording
from tests.peers import connect, exchange, read_to_end
from tests.program import PATIENCE, Headless, run

pytest.importorskip("prometheus_client")
pytestmark = pytest.mark.slow

CLIENTS = 12
SIZES = (0, 1, 64, 5_000, 300_000)


def scraped(url: str) -> dict[str, float]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    return {
        name: float(value)
        for name, value in re.findall(r"^(echo_tui_\S+|process_\S+) (\S+)$", text, re.MULTILINE)
    }


def asked(control: Path, *words: str) -> list[dict[str, Any]]:
    ended = run("ctl", *words, "--control", str(control), "--json")
    assert (ended.returncode, ended.stderr) == (0, b"")
    return [json.loads(line) for line in ended.stdout.splitlines()]


def settled(control: Path, closed: int) -> dict[str, Any]:
    """Return the output of `ctl stats` once it counts `closed` closes: figures come in rounds."""
    deadline = monotonic() + PATIENCE
    while True:
        (stats,) = asked(control, "stats")
        if stats["closed"] == closed:
            return stats
        assert monotonic() < deadline, stats


@pytest.mark.parametrize("workers", ["0", "2"])
def test_everybody_tells_the_same_and_what_clients_count(tmp_path: Path, workers: str) -> None:
    control, recording = tmp_path / "control.sock", tmp_path / "server.rec"
    options = ["--log-format", "json", "--workers", workers, "--metrics", "0"]
    options += ["--control", str(control), "--record", str(recording)]
    with Headless(*options) as program, ExitStack() as clients:
        url = program.event("notice")["text"].removeprefix("metrics on ")
        frames = moved = 0
        socks = [clients.enter_context(connect(program.port)) for _ in range(CLIENTS)]
        for number, sock in enumerate(socks):
            said = [frame(bytes(SIZES[(number + i) % len(SIZES)])) for i in range(number)]
            size = sum(map(len, said))
            exchange(sock, said, size)
            frames, moved = frames + len(said), moved + size
        killed = [row["id"] for row in asked(control, "list", "--where", "frames>8")]
        assert len(killed) == 3
        results = asked(control, "kill", "--where", "frames>8")
        assert {(result["id"], result["ok"]) for result in results} == {(i, True) for i in killed}
        socks[0].close()
        socks[1].sendall(b"\xff\xff\xff\xff")
        read_to_end(socks[1])
        ends = {"killed": 3, "eof": 1, "frame_too_large": 1}
        for _ in range(sum(ends.values())):
            program.event("closed")

        stats = settled(control, sum(ends.values()))
        figures = scraped(url)
        _, out, _ = program.end(signal.SIGTERM)

    assert (stats["frames_in"], stats["frames_out"]) == (frames, frames)
    assert (stats["bytes_in"], stats["bytes_out"]) == (moved + 4, moved)
    assert (stats["opened"], stats["closed"], stats["open"]) == (CLIENTS, 5, CLIENTS - 5)

    told = {
        "frames_in": 'frames_total{direction="in"}',
        "frames_out": 'frames_total{direction="out"}',
        "bytes_in": 'bytes_total{direction="in"}',
        "bytes_out": 'bytes_total{direction="out"}',
        "opened": "connections_opened_total",
        "open": 'connections{state="READ_LEN"}',
        "toggles": "pollout_toggles_total",
        "eagains": "eagains_total",
        "partial_writes": "partial_writes_total",
        "accept_errors": "accept_errors_total",
        "armed": "pollout_armed",
        "cap": "cap_bytes",
        "max_connections": "connections_limit",
    }
    assert {name: figures[f"echo_tui_{metric}"] for name, metric in told.items()} == {
        name: stats[name] for name in told
    }
    closed = "echo_tui_connections_closed_total"
    reasons = {
        name.removeprefix(f'{closed}{{reason="').removesuffix('"}'): int(value)
        for name, value in figures.items()
        if name.startswith(closed) and value
    }
    assert reasons == ends
    assert figures["echo_tui_service_seconds_count"] == frames

    stopped = json.loads(out.splitlines()[-1])
    assert stopped["event"] == "stopped"
    assert (stopped["frames_out"], stopped["bytes_in"]) == (frames, moved + 4)
    with Recording(recording) as played:
        assert played.damage is None
        items = played.items(played.start, played.end)
        *_, told_last = (item.event for item in items if isinstance(item.event, LoopStats))
    assert (told_last.frames_out, told_last.bytes_out) == (frames, moved)
    # The last figures come before the last word.
    assert (told_last.opened, told_last.closed) == (CLIENTS, CLIENTS)
