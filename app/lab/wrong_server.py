"""The process of a wrong server: a teaching loop with one mistake, until it is healed.

Its command line gives the name of the mistake, empty for none, and the host.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
from typing import Any, Final, NoReturn

from ..core.commands import StepAction
from ..core.events import ConnectionState
from ..core.settings import GIB, KIB
from .composing import load
from .lab_channel import LabFigures, LabLoop, LabReady, obey, send
from .teaching_conn import DISCARD, READ_BODY, READ_LEN, WRITE_BODY
from .watched_calls import LetGo, WatchedCounts

_STATES: Final = {
    READ_LEN: ConnectionState.READ_LEN,
    READ_BODY: ConnectionState.READ_BODY,
    WRITE_BODY: ConnectionState.WRITE_BODY,
    DISCARD: ConnectionState.DRAINING,
}
"""By the document's names, those of the pane."""
_MOST_MEMORY: Final = 4 * GIB
"""Address space of the process: a mistake must not take the machine's memory."""
_STACK: Final = 256 * KIB
"""Bytes of a thread's stack, for `thread-each`."""
_HEALED_WITHIN: Final = 5.0
"""Seconds that a loop may take to come to its next poll."""


class HealableServer:
    """A loop of the lab whose mistake can be taken away while it runs."""

    def __init__(self, name: str, host: str) -> None:
        """`name` is that of the mistake, empty for none. To be made in the main thread."""
        self._host = host
        self._counts = WatchedCounts()
        self._has_taken_over = threading.Event()
        module = load(name or None)
        self._counts.watch(module)
        self._loop = module.EchoLoop(host, 0)
        self._counts.gate.state_of = self._state_of
        self._counts.gate.listener = self._loop.lfd.fileno()
        signal.signal(signal.SIGUSR1, self._let_go)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._loop.lfd.getsockname()[1])

    def run(self) -> NoReturn:
        """Serve; in the main thread."""
        while True:
            try:
                self._loop.run()
            except LetGo:
                self._take_over()

    def heal(self) -> None:
        """Have the right loop take over at the next poll, and wait for that; not in its thread."""
        main_thread = threading.main_thread().ident
        assert main_thread is not None
        self._has_taken_over.clear()
        # To this thread, so that a call in which it waits is interrupted.
        signal.pthread_kill(main_thread, signal.SIGUSR1)
        self._has_taken_over.wait(_HEALED_WITHIN)

    def figures(self) -> LabFigures:
        """Return the counts since the start. Any thread."""
        counts = self._counts
        return LabFigures(
            counts.polls, counts.accept_errors, counts.partial_writes, time.process_time()
        )

    def step(self, action: StepAction, count: int, pace: float) -> None:
        """Hold the loop, let it make so many calls or iterations, or let it go on."""
        self._counts.gate.step(action, count, pace)

    def look(self, looks: bool) -> None:
        """Note its calls, or no more."""
        self._counts.gate.look(looks)

    def loop(self) -> LabLoop:
        """Return where it stands, and what it has done last."""
        return self._counts.gate.loop()

    def _state_of(self, fd: int) -> ConnectionState | None:
        conn = self._loop.conns.get(fd)
        return None if conn is None else _STATES[conn.state]

    def _let_go(self, *_: object) -> None:
        # A call that blocks is tried again after the signal (PEP 475), and then returns EAGAIN.
        for fd in (self._loop.lfd.fileno(), *self._loop.conns):
            os.set_blocking(fd, False)
        self._counts.let_go()

    def _take_over(self) -> None:
        """Give the listener and all connections, as they are, to a right loop."""
        old, port = self._loop, self.port
        old.pfds.close()
        module = load(None)
        if ":" in self._host:
            old.lfd.close()  # whether it takes IPv4 cannot be changed any more
            self._counts.watch(module)
        else:
            self._counts.watch(module, old.lfd)
        self._loop = module.EchoLoop(self._host, port)
        self._counts.gate.listener = self._loop.lfd.fileno()
        for fd, conn in old.conns.items():
            self._adopt(fd, conn)
        self._has_taken_over.set()

    def _adopt(self, fd: int, conn: Any) -> None:
        self._loop.add_client(conn.sock)
        vars(self._loop.conns[fd]).update(vars(conn))
        self._loop.want_writable(fd, conn.state == WRITE_BODY)


def main() -> None:
    """Serve until the orders end."""
    name, host = sys.argv[1:]
    _limit()
    server = HealableServer(name, host)
    send(LabReady(server.port))
    threading.Thread(target=obey, args=(server, server.heal), daemon=True).start()
    server.run()


def _limit() -> None:
    """Bound the memory, and allow as many descriptors as can be."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    memory = _MOST_MEMORY if most == resource.RLIM_INFINITY else min(_MOST_MEMORY, most)
    resource.setrlimit(resource.RLIMIT_AS, (memory, most))
    threading.stack_size(_STACK)
