"""strace(1) on the real program: the calls of one thread, as the kernel saw them."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from tests.program import PATIENCE, ROOT, environment
from tests.waiting import until

_LINE: Final = re.compile(r"(\w+)\((.*)\)\s+= (-?\d+)(?: (E[A-Z]+\b))?")
_CTL: Final = re.compile(r"\d+, EPOLL_CTL_(\w+), (\d+), (?:\{events=([A-Z|]+))?")
_FIRST: Final = re.compile(r"(\d+)")
_READ: Final = re.compile(r"(\d+), .*?\"\.*, (\d+)(?:, 0, NULL, NULL)?$")
_PIECE: Final = re.compile(r"iov_len=(\d+)")
_ACCEPTS: Final = re.compile(r"^accept4\(.*AF_INET", re.MULTILINE)
_ACCEPTED: Final = re.compile(r"^(\d+) +accept4\(.*AF_INET", re.MULTILINE)
_COUNT: Final = re.compile(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", re.MULTILINE)
_BITS: Final = {"EPOLLIN": 1, "EPOLLOUT": 4}
TRACED: Final = (
    "accept4,read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,epoll_ctl,epoll_wait,"
    "epoll_pwait,poll,ppoll,select,pselect6,shutdown,close,socket"
)


class Call(NamedTuple):
    """One call, with the names and the meanings of `app.server.calls`."""

    call: str
    fd: int
    asked: int
    result: int
    error: str


@cache
def reason_to_skip() -> str:
    """Why strace cannot be used here; empty if it can."""
    if sys.platform != "linux" or shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(["strace", "-qq", "true"], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"ptrace is not permitted: {tried.stderr[:80]!r}"


def strace(*options: str) -> tuple[str, ...]:
    """Return the command of a strace that tells nothing of itself."""
    return ("strace", "-qq", "-f", "-e", "signal=none", *options)


def loop_calls(folder: Path) -> list[Call]:
    """Read what `strace -ff -v -s 0` has written: the calls of the loop, from its first poll on.

    The loop's thread is the one that has accepted over TCP. Its netlink(7) socket is the
    observation's (`app.server.peer_queue`): what is asked there is left out.
    """
    told = [path.read_text("utf-8") for path in folder.iterdir()]
    (lines,) = (text.splitlines() for text in told if _ACCEPTS.search(text))
    calls, asking = [], set()
    for line in lines:
        if match := _LINE.match(line):
            name, words, result, error = match.groups()
            if name == "socket":
                asking.add(int(result))
                continue
            made = _call(name, words, int(result), error or "")
            if made.fd not in asking:
                calls.append(made)
            elif name == "close":
                asking.discard(made.fd)
    first = next(place for place, made in enumerate(calls) if made.call == "poll")
    return calls[first:]


def _call(name: str, words: str, result: int, error: str) -> Call:
    """Translate one line; a call that no loop makes keeps its own name."""
    if name in ("epoll_wait", "poll"):
        return Call("poll", -1, 0, result, error)
    if name == "epoll_ctl":
        found = _CTL.match(words)
        assert found is not None, words
        interest = sum(_BITS.get(bit, 0) for bit in (found[3] or "").split("|"))
        changed = "arm" if interest & _BITS["EPOLLOUT"] else "disarm"
        called = {"ADD": "watch", "MOD": changed, "DEL": "unwatch"}[found[1]]
        return Call(called, int(found[2]), interest, result, error)
    first = _FIRST.match(words)
    fd = int(first[1]) if first else -1
    if name in ("read", "recvfrom", "write"):
        sizes = _READ.match(words)
        # Of a read that failed there is an address in place of the bytes.
        asked = sizes[2] if sizes else re.sub(r", 0, NULL, NULL$", "", words).rpartition(", ")[2]
        return Call("write" if name == "write" else "read", fd, int(asked), result, error)
    if name == "writev":
        return Call("write", fd, sum(map(int, _PIECE.findall(words))), result, error)
    return Call("accept" if name == "accept4" else name, fd, 0, result, error)


# --- a program that runs already ---


class Attached:
    """A strace that is attached to a process or to one thread; `counts` once it has ended."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def text(self) -> str:
        """The text that it has written."""
        return self._path.read_text("utf-8")

    @property
    def counts(self) -> dict[str, int]:
        """The table of `strace -c`."""
        return {name: int(calls) for calls, name in _COUNT.findall(self.text)}


@contextlib.contextmanager
def attached(pid: int, path: Path, *options: str) -> Iterator[Attached]:
    """Trace a process, or with a thread's number and without ``-f`` that thread, into a file."""
    errors = path.with_suffix(".errors")
    with errors.open("w") as told:
        command = ["strace", *options, "-e", "signal=none", "-o", str(path), "-p", str(pid)]
        process = subprocess.Popen(command, stderr=told)
        try:
            until(lambda: "attached" in errors.read_text("utf-8"), "strace is attached")
            yield Attached(path)
        finally:
            process.send_signal(signal.SIGINT)  # it lets go of the threads and writes its table
            process.wait(PATIENCE)


def loop_thread(pid: int, path: Path, connects: contextlib.AbstractContextManager[object]) -> int:
    """Return the number of the thread that accepts when `connects` is entered."""
    with attached(pid, path, "-f", "-e", "trace=accept4") as seen, connects:
        until(lambda: _ACCEPTED.search(seen.text), "an accept")
    found = _ACCEPTED.search(seen.text)
    assert found is not None
    return int(found[1])


def ctl(control: Path, *words: str) -> str:
    """Run `ctl` to its end; return what it printed."""
    command = [sys.executable, "-m", "app", "ctl", *words, "--control", str(control)]
    ended = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        env=environment(),
        check=False,
        cwd=ROOT,
        text=True,
    )
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr or ended.stdout
    return ended.stdout
