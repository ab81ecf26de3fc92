"""Whoever watches harms nobody: no descriptors, a full disk, a log that nobody reads."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.crowd import connect, crowd, echoes, frame, receive
from tests.faults.harness import (
    FIGURES,
    MIB,
    ROOT,
    Server,
    WellBehaved,
    program,
    serving,
    wait_until,
)
from tests.terminal import Terminal
from tests.ui.test_terminal import wait_for_port

pytestmark = pytest.mark.slow
ECHO_TUI = (sys.executable, "-m", "app")


def ctl(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `ctl` on this server."""
    return subprocess.run(
        [*ECHO_TUI, "ctl", *arguments, "--control", str(server.port)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
    )


@contextlib.contextmanager
def watching(server: Server) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Yield a call that returns the lines of `ctl watch` so far."""
    command = [*ECHO_TUI, "ctl", "watch", "--control", str(server.port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        told = b""

        def lines() -> list[dict[str, Any]]:
            nonlocal told
            told += process.stdout.read() or b"" if process.stdout else b""
            return [
                json.loads(line) for line in told.splitlines(keepends=True) if line[-1:] == b"\n"
            ]

        try:
            while not lines():
                assert echoes(server.address)
                time.sleep(0.2)
            yield lines
            assert process.poll() is None, "ctl watch has ended"
        finally:
            process.terminate()


def counters(url: str) -> dict[str, float]:
    """Scrape the counters."""
    with urllib.request.urlopen(url, timeout=10) as page:
        text = page.read().decode()
    lines = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines if "_total" in name}


@contextlib.contextmanager
def few_descriptors(pid: int, limit: int, seconds: float) -> Iterator[None]:
    """Lower the limit of a running process for a while."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        yield
        time.sleep(seconds)
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(
    ("options", "limit"),
    [((), 10), (("--workers", "2"), 10), (("--poller", "poll"), 7), ((), 0)],
    ids=["loop", "workers", "poll", "no descriptor at all"],
)
def test_a_limit_lowered_for_a_while_ends_nobody(
    tmp_path: Path, options: tuple[str, ...], limit: int
) -> None:
    pytest.importorskip("prometheus_client")
    recording = tmp_path / "life.rec"
    beside = ("--metrics", "127.0.0.1:0", "--record", str(recording))
    with serving(*options, *beside) as server:
        notices = server.log.wait_for(0, "notice", 1, 5)
        url = next(e["text"].split()[-1] for e in notices if "metrics on" in e["text"])
        before = counters(url)
        with watching(server) as watched, WellBehaved(server, f"limit of {limit} for 2.5 s"):
            with few_descriptors(server.pid, limit, 2.5):
                pass
            mark, seen = server.mark(), len(watched())
            with connect(server.address) as sock:
                sock.sendall(frame(b"afterwards"))
                assert receive(sock, 14) == frame(b"afterwards")
            assert len(server.log.wait_for(mark, "opened", 1, 3)) == 1
            assert wait_until(lambda: len(watched()) > seen, 3), "ctl watch hears nothing more"
            after = counters(url)
        fallen = {name for name in before if after.get(name, 0.0) < before[name]}
        assert fallen == set(), "a counter has fallen"
        stats = json.loads(ctl(server, "stats", "--json").stdout)
        assert stats["opened"] == after["echo_tui_connections_opened_total"]
        told = [event["text"] for event in server.log.since(0, "notice")]
        assert sum("figures cannot be read" in text for text in told) <= 1
        size = recording.stat().st_size
        assert echoes(server.address)  # an idle server records next to nothing
        assert wait_until(lambda: recording.stat().st_size > size, 5), "the recording stands still"
        server.signal(signal.SIGTERM)
        assert server.wait(10) == 0


@pytest.mark.parametrize("workers", ["0", "2"])
def test_the_dashboard_outlives_a_lowered_limit(workers: str) -> None:
    with Terminal("--workers", workers, "127.0.0.1", "0", columns=140, lines=45) as terminal:
        port = wait_for_port(terminal)
        terminal.wait_for(lambda screen: "LIVE" in screen)
        with socket.create_connection(("127.0.0.1", port)) as peer:
            with few_descriptors(terminal.process.pid, 10, 2.5):
                terminal.press("?")
                terminal.wait_for(lambda screen: "─ help ─" in screen)
                terminal.press("q")
            own = f"127.0.0.1:{peer.getsockname()[1]}"
            terminal.wait_for(lambda screen: own in screen and "LIVE" in screen)
            assert "DEAD" not in terminal.text
            assert "NO LONGER" not in terminal.text
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.exit_code() == 0
        assert terminal.restored()


@pytest.mark.parametrize("workers", ["0", "2"])
def test_an_operator_can_undo_while_connections_hold_all_that_they_may(workers: str) -> None:
    with serving("--workers", workers, descriptors=160) as server:
        assert server.listening["max_connections"] == 160 - 64
        with crowd(server.address, 96) as held:
            assert wait_until(lambda: server.log.open == 96, 5)
            for _ in range(20):
                with contextlib.suppress(ConnectionError):
                    assert not echoes(server.address)
            raised = ctl(server, "set", "max-connections", "5000")
            assert raised.returncode != 0
            assert "the descriptor limit is 160" in raised.stdout + raised.stderr
            lowered = ctl(server, "set", "max-connections", "90")
            assert lowered.returncode == 0, lowered.stderr
            again = ctl(server, "set", "max-connections", "5000")
            assert again.returncode == 0
            assert "lowered to 96" in again.stdout
            for sock in held:
                sock.sendall(frame(b"held"))
                assert receive(sock, 8) == frame(b"held")
        server.signal(signal.SIGTERM)
        assert server.wait(10) == 0


@contextlib.contextmanager
def logging_into(descriptor: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the program with its log in a descriptor."""
    with subprocess.Popen(
        program(*options), cwd=ROOT, stdout=descriptor, stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def rss(pid: int) -> int:
    """Return the resident memory of a process, in bytes."""
    text = Path(f"/proc/{pid}/statm").read_text(encoding="ascii")
    return int(text.split()[1]) * resource.getpagesize()


def test_a_log_that_nobody_reads_costs_bounded_memory_and_tells_what_was_skipped() -> None:
    reading, writing = os.pipe()
    with logging_into(writing) as process, os.fdopen(reading, "rb") as lines:
        os.close(writing)
        first = json.loads(lines.readline())
        address = ("127.0.0.1", first["port"])
        assert echoes(address)
        before = rss(process.pid)
        visits = 20_000  # more events than the loop's stream and the log's may hold together
        for _ in range(visits):
            with socket.create_connection(address):
                pass
        assert echoes(address)  # accepted last: no visit is left in the listen queue
        grown = rss(process.pid) - before
        process.send_signal(signal.SIGTERM)
        events = [json.loads(line) for line in lines]
        assert process.wait(10) == 0
    FIGURES["a log that nobody reads"] = f"{visits:,} connections: {grown / MIB:.1f} MiB"
    assert grown < 16 * MIB
    counts = Counter(event["event"] for event in events)
    skipped = Counter[str]()
    for event in events:
        if event["event"] == "notice" and event["skipped"]:
            assert event["text"].startswith("skipped: ")
            skipped.update(event["skipped"])
    assert skipped.total() > 0
    assert counts["opened"] + skipped.total() == visits + 2
    assert counts["closed"] + skipped.total() == visits + 2
    assert events[-1]["event"] == "stopped"


def writes_of(pid: int) -> int:
    """Return how often a process has called write(2) and the like, also in vain (proc(5))."""
    (calls,) = re.findall(
        r"^syscw: (\d+)", Path(f"/proc/{pid}/io").read_text("utf-8"), re.MULTILINE
    )
    return int(calls)


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="only root can mount"
)
@pytest.mark.parametrize("freed", [True, False])
def test_a_small_disk_that_is_full(tmp_path: Path, freed: bool) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    script = 'mount -t tmpfs -o size=64k none "$0" && exec "$@" >"$0/log"'
    command = ["unshare", "-m", "sh", "-c", script, str(disk), *program("--grace", "2")]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as process:
        inside = Path(f"/proc/{process.pid}/root{disk}")
        log = inside / "log"

        def told() -> list[dict[str, Any]]:
            return [json.loads(line) for line in log.read_bytes().splitlines()]

        try:
            assert wait_until(lambda: log.exists() and log.read_bytes().endswith(b"}\n"), 10)
            address = ("127.0.0.1", told()[0]["port"])
            (inside / "large").write_bytes(bytes(56 * 1024))
            visits = 40
            for _ in range(visits):
                assert echoes(address)
            assert wait_until(lambda: log.stat().st_size == 8 * 1024, 5), "the disk is not full"
            before = writes_of(process.pid)
            assert wait_until(lambda: writes_of(process.pid) > before, 10), "it does not try again"
            if freed:
                (inside / "large").write_bytes(b"")
                assert wait_until(lambda: b"written again" in log.read_bytes(), 10)
                counts = Counter(event["event"] for event in told())
                assert counts["opened"] == counts["closed"] == visits
            process.send_signal(signal.SIGTERM)
            code = process.wait(10)
            assert process.stderr is not None
            said = process.stderr.read().decode()
        finally:
            if process.poll() is None:
                process.kill()
    if freed:
        assert (code, said) == (0, "")
    else:
        assert code == 2
        assert said.count("\n") == 1
        assert "the log cannot be written: No space left on device" in said
