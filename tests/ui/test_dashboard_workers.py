"""The whole program in a terminal, with workers: their lines, a death, and the end of all."""

from __future__ import annotations

import os
import re
import signal
import socket
from itertools import count

import psutil
import pytest

from app.core.framing import frame
from app.watch.process_figures import ProcessSampler, usage
from tests.peers import exchange
from tests.terminal import Terminal
from tests.ui.test_terminal import wait_for_port

pytestmark = pytest.mark.slow


def test_workers_are_seen_and_none_is_left() -> None:
    with Terminal("--workers", "2", "127.0.0.1", "0", columns=160, lines=50) as terminal:
        port = wait_for_port(terminal)
        terminal.wait_for(lambda screen: screen.count("● serves") == 2)
        with socket.create_connection(("127.0.0.1", port)) as peer:
            assert exchange(peer, [frame(b"hi")], 6) == frame(b"hi")
            own = f"127.0.0.1:{peer.getsockname()[1]}"
            terminal.wait_for(lambda screen: own in screen)
            row = next(line for line in terminal.text.split("\n") if own in line)
            worker = int(row.split(own)[1].split()[0])
            assert worker in {1, 2}
            pid = re.search(rf"worker {worker} .* pid (\d+)", terminal.text)
            assert pid is not None
            os.kill(int(pid[1]), signal.SIGKILL)
            terminal.wait_for(lambda screen: f"worker {worker} died: signal 9" in screen)
            terminal.wait_for(lambda screen: "restarts 1" in screen)
        workers = psutil.Process(terminal.process.pid).children()
        terminal.press("q")
        assert terminal.exit_code() == 0
        assert terminal.restored()
        assert not [process for process in workers if process.is_running()]


def test_the_process_figures_are_those_of_all() -> None:
    child = psutil.Popen(["cat"], stdin=-1)
    pids = [child.pid]
    seconds = count(0.0, 0.2)
    sample = ProcessSampler(lambda: 1.0, lambda: pids, lambda: next(seconds))
    alone = ProcessSampler(lambda: 1.0, clock=lambda: next(seconds))()
    with child.stdin:
        both = sample()
        assert both is not None
        assert alone is not None
        assert both.threads == alone.threads + 1
        assert both.rss > alone.rss
        assert both.fds > alone.fds
        assert usage(child.pid) is not None
    child.wait()
    assert usage(child.pid) is None
    again = sample()
    own = ProcessSampler(lambda: 1.0, clock=lambda: next(seconds))()
    assert again is not None
    assert own is not None
    assert again.threads == own.threads
