"""The server with one loop, in a thread of this process."""

from __future__ import annotations

import os
import socket
import threading
import time
import traceback
from collections.abc import Callable

from ..core.addresses import Address
from ..core.commands import Command, Look, ReadBytes, Step, TraceLevel
from ..core.events import Crashed, Endpoint, Listening
from ..core.fault_spec import FaultSpec
from ..core.printable import printable
from ..core.settings import Settings
from ..watch.stream import EventStream
from .command_handler import CommandHandler
from .command_queue import CommandQueue
from .connection_limit import ConnectionLimit
from .descriptors import fit_descriptors
from .gate import Gate
from .handle import ServerHandle, new_instance
from .listener import adopt_listener, make_listeners
from .loop import Loop
from .poller import Poller, make_poller
from .reporter import Reporter
from .shard import Shard
from .totals import make_stopped
from .wall_clock import WallClock


class Server(ServerHandle):
    """The listening sockets and one loop in a thread of its own.

    Binding happens in the constructor, so that what is wrong at start-up is raised there as
    `SettingError`, in the caller's thread. A worker process is given a `shard` instead, with
    sockets that are bound already. After `start` every other method may be called by any thread.
    """

    def __init__(
        self,
        settings: Settings,
        stream: EventStream,
        clock: Callable[[], float] = time.monotonic,
        shard: Shard | None = None,
        passed: socket.socket | None = None,
        wall: Callable[[], float] = time.time,
        fault: FaultSpec | None = None,
    ) -> None:
        """`fault` is one of every connection, in place of that of the settings.

        `passed` is a socket that listens already: host, port and backlog do not count then.

        `clock` gives monotonic seconds, `wall` Unix time. Raises `SettingError`.
        """
        self._gate = Gate(stream, clock, wall) if settings.step else None
        if self._gate is not None:
            clock, wall = self._gate.clock, self._gate.wall
        self._clock = clock
        poller = make_poller(settings.poller)
        try:
            settings, notes = fit_descriptors(settings, poller)
            if shard is None:
                bound = (
                    make_listeners(settings.addresses, settings.backlog)
                    if passed is None
                    else adopt_listener(passed)
                )
                notes = (*bound.notes, *notes)
                shard = Shard(bound.loops[0], ConnectionLimit(), epoch=wall() - clock())
        except BaseException:
            poller.close()
            raise
        self._wall_clock = WallClock(shard.epoch, clock, wall)
        self.addresses = tuple(Address(each.host, each.port) for each in shard.listeners)
        self.instance = new_instance()
        self.failure = ""
        self._commands = CommandQueue()
        self._poller = poller
        self._reporter = Reporter(stream, self._epoch, TraceLevel(settings.trace), shard.worker)
        self._loop = Loop(
            settings, poller, shard, self._commands, self._reporter, clock, self._wall_clock
        )
        if self._gate is not None:
            self._gate.attach(self._loop.life)
            self._loop.observer.gate = self._gate
        if fault is not None:
            self._loop.life.faults.put_on_all(fault)
        self._handler = CommandHandler(self._loop, poller)
        self._thread = threading.Thread(target=self._run, name="echo-tui loop", daemon=True)
        stream.publish(make_listening(settings, self, poller, notes))

    def close(self) -> None:
        """Give back what a server holds that was never started."""
        self._loop.abandon()
        self._commands.close()
        self._poller.close()

    @property
    def polls(self) -> int:
        """Number of the loop's polls so far."""
        return self._reporter.polls

    @property
    def is_held(self) -> bool:
        return self._gate is not None and self._gate.is_held

    def submit(self, command: Command) -> None:
        gate = self._gate
        if isinstance(command, Look | ReadBytes) and gate is not None:
            # Only looked at: what the loop knows is the same as long as it stands.
            if not gate.while_held(lambda: self._handler.apply(command)):
                super().submit(command)
        elif self._gate is not None and isinstance(command, Step):
            was_held = self._gate.is_held
            self._gate.carry_out(command)
            if not was_held:
                self.wake()  # it may sleep in a poll
        else:
            super().submit(command)

    def stop(self, cause: str, now: bool = False) -> None:
        super().stop(cause, now)
        if self._gate is not None:
            self._gate.open()

    def _run(self) -> None:
        reporter = self._reporter
        try:
            cause = self._loop.run(self._handler.apply)
            self._refuse_the_rest()
            stats = reporter.statistics()
            if reporter.stream.watched:
                reporter.stream.publish_latest((), stats)
            reporter.publish(make_stopped(self.now(), cause, stats))
        except BaseException as error:  # whatever it is, it must be seen and not lost with a thread
            self.failure = printable(f"{type(error).__name__}: {error}", 500)
            self._loop.abandon()
            self._refuse_the_rest()
            reporter.publish(
                Crashed(t=self.now(), error=self.failure, traceback=traceback.format_exc())
            )
        finally:
            self._loop.life.unacknowledged.close()
            self._commands.close()
            self._poller.close()

    def _refuse_the_rest(self) -> None:
        for command in self._commands.take_all():
            self._handler.refuse(command)


def make_listening(
    settings: Settings, server: ServerHandle, poller: Poller, notes: tuple[str, ...]
) -> Listening:
    """Make the first event of all; `server` runs in this process."""
    return Listening(
        t=server.now(),
        host=server.host,
        port=server.port,
        pid=os.getpid(),
        instance=server.instance,
        poller=poller.name,
        write_mode=settings.write_mode,
        cap=settings.cap,
        max_connections=settings.max_connections,
        max_per_peer=settings.max_per_peer,
        header_timeout=settings.header_timeout,
        body_timeout=settings.body_timeout,
        write_timeout=settings.write_timeout,
        idle_timeout=settings.idle_timeout,
        workers=settings.workers,
        step=settings.step,
        notes=(*notes, poller.note) if poller.note else notes,
        listeners=tuple(Endpoint(*address) for address in server.addresses),
    )
