"""The system calls that are told of a loop, beside those that strace(1) sees of its thread."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest

from tests.faults.crowd import body, connect, crowd, frame, receive, reset
from tests.faults.harness import FIGURES, KIB, ROOT, Server, serving
from tests.faults.stracing import (
    TRACED,
    Call,
    attached,
    ctl,
    loop_calls,
    loop_thread,
    reason_to_skip,
    strace,
)
from tests.peers import exchange
from tests.program import environment
from tests.waiting import until

WHY_NOT = reason_to_skip()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)]
SMALL: Final = frame(body(60))
LARGE: Final = frame(body(900 * KIB))
MANY: Final = 10
"""Large frames that are together more than a send queue takes (tcp_wmem, tcp(7))."""
STEPS: Final = 200
MORE: Final = 50
"""Steps at a time until something is shown, `ROUNDS` times at the most."""
ROUNDS: Final = 40
WITHOUT_A_CALL: Final = frozenset({"watch", "unwatch", "arm", "disarm"})
"""Steps that are no system calls where poll(2) waits."""
NEAR: Final = 0.01
COUNTED: Final = "reads", "writes", "polls", "repolls", "ctls"
MADE_BY: Final = {
    "reads": ("read",),
    "writes": ("write", "writev"),
    "waits": ("epoll_wait", "poll"),
    "ctls": ("epoll_ctl",),
}


# --- steps ---


class Stepping:
    """A server that is held; what `ctl` has shown of its calls."""

    def __init__(self, control: Path) -> None:
        self._control = control
        self.numbers: list[int] = []
        self.shown: list[Call] = []
        self._ids: dict[str, set[int]] = {}  # of connections, by what was shown of them

    def hold(self) -> None:
        self._note(ctl(self._control, "hold", "--json"))

    def go(self) -> None:
        ctl(self._control, "go")

    def step(self, number: int) -> None:
        """Make so many calls."""
        before = len(self.shown)
        self._note(ctl(self._control, "step", str(number), "--json"))
        shown = len(self.shown) - before
        assert shown == number, f"{shown} of {number} calls are shown"

    def step_until(self, kind: str, count: int = 1) -> None:
        """Make calls until `kind`, a call or its result, is shown of so many connections."""
        for _ in range(ROUNDS):
            if len(self._ids.get(kind, ())) >= count:
                return
            self.step(MORE)
        raise AssertionError(f"{len(self.shown)} steps, and never {kind} of {count}")

    def _note(self, output: str) -> None:
        *steps, answer = map(json.loads, output.splitlines())
        assert answer["ok"], answer
        for told in steps:
            self.numbers.append(told["number"])
            made = Call(*(told[name] for name in Call._fields))
            self.shown.append(made)
            results = [made.call, made.error]
            if made.call == "write" and 0 <= made.result < made.asked:
                results.append("partial")
            if made.call == "read" and not made.result and not made.error:
                results.append("end")
            for each in results:
                self._ids.setdefault(each, set()).add(told["id"])


def _in_thread(act: Callable[[], object], failures: list[Exception]) -> threading.Thread:
    def run() -> None:
        try:
            act()
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@contextlib.contextmanager
def _talking(server: Server, stepping: Stepping) -> Iterator[None]:
    """Two clients talk, with frames whole, in parts and several at once; the loop goes on then."""
    ended = threading.Event()
    failures: list[Exception] = []

    def talk(sock: socket.socket) -> None:
        while not ended.is_set():
            for pieces in ([SMALL], [SMALL[:2], SMALL[2:30], SMALL[30:]], [SMALL * 5]):
                expected = b"".join(pieces)
                assert exchange(sock, pieces, len(expected)) == expected

    with crowd(server.address, 2) as socks:
        threads = [_in_thread(partial(talk, sock), failures) for sock in socks]
        try:
            yield
        finally:
            ended.set()
            stepping.go()
            for thread in threads:
                thread.join(15)
    assert not failures, failures[0]


def _step_through_a_slow_reader(server: Server, stepping: Stepping) -> None:
    """POLLOUT is armed, since the client does not read; it reads, and POLLOUT is disarmed."""
    failures: list[Exception] = []
    with connect(server.address, 4 * KIB) as sock:
        sock.settimeout(15)
        sender = _in_thread(lambda: sock.sendall(LARGE * MANY), failures)
        stepping.step_until("arm")
        reader = _in_thread(lambda: receive(sock, len(LARGE) * MANY), failures)
        stepping.step_until("disarm")
        sock.shutdown(socket.SHUT_RDWR)
        sender.join(15)
        reader.join(15)


def _step_through_ends(server: Server, stepping: Stepping) -> None:
    """A half-close with an echo to come, one in a header, a close, and an RST."""
    with contextlib.ExitStack() as stack:
        whole, part, closed, broken = stack.enter_context(crowd(server.address, 4))
        whole.sendall(SMALL * 3)
        whole.shutdown(socket.SHUT_WR)
        part.sendall(SMALL[:2])
        part.shutdown(socket.SHUT_WR)
        closed.sendall(SMALL)
        closed.close()
        broken.sendall(SMALL)
        reset(broken)
        stepping.step_until("ECONNRESET")
        stepping.step_until("close", 5)  # the slow reader's too
        assert receive(whole, 1000) == SMALL * 3


@pytest.mark.parametrize("poller", ["epoll", "epoll-et", "poll"])
def test_the_steps_that_are_shown_are_the_calls_that_are_made(poller: str, tmp_path: Path) -> None:
    """The n-th step is the n-th call: the same function, descriptor, size, result and errno.

    Left out is what the loop's thread asks the kernel in order to observe, and what is no question
    of I/O: ioctl (SIOCINQ, SIOCOUTQ, FIONBIO), getsockopt (TCP_INFO) and setsockopt, a netlink(7)
    socket, clocks, futex, memory. The list of the calls of a loop does not have them
    (`app.server.calls`), so strace is not asked for them. The first epoll_ctl of the listener and
    of the wakeup come before the first poll, and before anybody can hold the loop. For poll(2),
    which takes the interest with each poll, strace cannot see `watch`, `unwatch`, `arm`, `disarm`.
    """
    control, folder = tmp_path / "s", tmp_path / "calls"
    folder.mkdir()
    options = "-ff", "-v", "-s", "0", "--seccomp-bpf", "-o", str(folder / "of")
    under = strace(*options, "-e", f"trace={TRACED}")
    with serving("--step", "--poller", poller, "--control", str(control), under=under) as server:
        until(control.exists, "a control socket")
        stepping = Stepping(control)
        stepping.hold()
        with _talking(server, stepping):
            stepping.step(STEPS)
            _step_through_a_slow_reader(server, stepping)
            _step_through_ends(server, stepping)
            for kind in ("EAGAIN", "partial", "end", "shutdown", "unwatch", "close"):
                stepping.step_until(kind)
    assert all(later - earlier == 1 for earlier, later in pairwise(stepping.numbers))
    shown = stepping.shown
    if poller == "poll":
        shown = [step for step in shown if step.call not in WITHOUT_A_CALL]
    before = stepping.numbers[0] - 1
    made = loop_calls(folder)[before : before + len(shown)]
    for number, (step, call) in enumerate(zip(shown, made, strict=True)):
        if step != call:
            raise AssertionError(f"{number}: {step} shown, {call} made; before {shown[number - 1]}")
    FIGURES[f"steps and strace, {poller}"] = f"{len(shown):,} calls alike"


# --- counts ---


@contextlib.contextmanager
def _watching(control: Path) -> Iterator[None]:
    """Somebody watches, as the dashboard does."""
    command = [sys.executable, "-m", "app", "ctl", "watch", "--control", str(control)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.kill()


def _figures(control: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(ctl(control, "stats", "--json"))
    return told


def _load(server: Server, control: Path) -> None:
    """Pings, with and without a pause; frames in parts and several at once; and slow readers."""
    with crowd(server.address, 4) as socks:
        for number in range(2000):
            sock = socks[number % 4]
            assert exchange(sock, [SMALL], len(SMALL)) == SMALL
        for _ in range(800):  # the rounds of the figures are a part of what so little needs
            assert exchange(socks[0], [SMALL], len(SMALL)) == SMALL
            time.sleep(0.004)
        for number in range(200):
            pieces = [SMALL[:3], SMALL[3:] + SMALL * 20] if number % 2 else [SMALL * 20]
            expected = b"".join(pieces)
            assert exchange(socks[1], pieces, len(expected)) == expected
    failures: list[Exception] = []
    with connect(server.address, 64 * KIB) as sock:
        sender = _in_thread(lambda: sock.sendall(LARGE * 30), failures)
        until(lambda: _figures(control)["armed"], "an armed POLLOUT")
        assert receive(sock, len(LARGE) * 30) == LARGE * 30
        sender.join(15)
    assert not failures, failures[0]


@pytest.mark.parametrize(
    ("poller", "write_mode"), [("epoll", "direct"), ("epoll", "armed"), ("poll", "direct")]
)
def test_the_calls_of_a_frame_are_those_that_strace_counts(
    poller: str, write_mode: str, tmp_path: Path
) -> None:
    """Reads, writes, waits and changes of the interest, each within 1% of `strace -c`.

    It is attached to the loop's thread alone. recv(2) of the wakeup is no read of a connection, and
    the charts do not count accept, close and shutdown either.
    """
    control = tmp_path / "s"
    options = "--poller", poller, "--write-mode", write_mode, "--control", str(control)
    with serving(*options) as server:
        until(control.exists, "a control socket")
        thread = loop_thread(server.pid, tmp_path / "accepts", crowd(server.address, 1))
        traced = ",".join(name for names in MADE_BY.values() for name in names)
        count = "-c", "-e", f"trace={traced}"
        with attached(thread, tmp_path / "counts", *count) as seen, _watching(control):
            began = _figures(control)
            _load(server, control)
            ended = _figures(control)
        told = {name: ended[name] - began[name] for name in COUNTED}
        told["waits"] = told["polls"] + told["repolls"]
        made = {kind: sum(seen.counts.get(name, 0) for name in by) for kind, by in MADE_BY.items()}
        FIGURES[f"calls and strace -c, {poller}, {write_mode}"] = ", ".join(
            f"{kind} {told[kind]:,} of {made[kind]:,}" for kind in MADE_BY
        )
        for kind, calls in made.items():
            assert abs(told[kind] - calls) <= NEAR * calls, f"{kind}: {told[kind]} of {calls}"
