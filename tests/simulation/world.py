"""One simulation: the real server in a simulated kernel, driven by one seed.

After the example of FoundationDB and TigerBeetle. The loop is the product's, and runs in this
thread: when it waits for its poller, the world goes on. Each such wait is a step. A step first
checks the invariants of the iteration that has ended (`tests.simulation.judge`), then has peers,
the network, an operator and watchers do something at random, then tells the loop what is ready.

A simulation has three parts: chaos, in which anything may happen; rest, in which the peers do what
they intended until nothing moves, so that a lost wake-up shows; and a stop. A seed that fails gives
the same history again: ``python -m tests.simulation --seed N``.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import accumulate
from math import inf
from random import Random
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest

from app.core.commands import Kill, KillMode, Set, Trace, TraceLevel
from app.core.settings import Settings
from app.server import calls, command_queue, loop, memory, serving
from app.server import kernel as kernel_figures
from app.server import server as server_module
from app.server.calls import Calls
from app.server.connection_limit import ConnectionLimit
from app.server.listener import Listener
from app.server.poller import Ready
from app.server.reporter import Reporter
from app.server.server import Server
from app.server.shard import Shard
from app.watch import stream
from app.watch.stream import EventStream

from .audience import Audience
from .judge import LATE, Judge
from .kernel import BUDGET, SimulatedKernel, Wakeup
from .peers import EVERYTHING, FLOOD, LARGE, SMALL, Peer, make_peer
from .sockets import Violation

STEPS_OF_REST: Final = 20_000
"""Steps after which peers that do what they intended must have come to rest."""
ACCEPT_ERRORS: Final = (
    0,
    0,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.ECONNABORTED,
    errno.EPERM,
)
CLOCK_STEPS: Final = (-86_400.0, -3.0, -0.75, 0.75, 20.0, 3_600.0)
"""Seconds by which the wall clock is set, exact in binary: figures are compared for equality."""
IDLE_POLLS: Final = 30
"""Polls in a row that may return something ready though nothing moves."""


class InlineThread:
    """A thread that runs in its starter's."""

    def __init__(self, target: Callable[[], None], name: str, daemon: bool) -> None:
        self.start = target


class World:
    """Everything around one server, and the order in which it happens."""

    def __init__(self, seed: int, history: Callable[[str], None] | None = None) -> None:
        """Draw everything from `seed`; `history` is called with a line for each thing done."""
        self.random = random = Random(seed)
        self._history = history
        self._is_tight = random.random() < 0.2
        """Whether a queue that nobody drains is shortened early."""
        self._scale = random.choices((SMALL, FLOOD, LARGE), (8, 1, 1))[0]
        poller = random.choice(("epoll", "epoll-et", "poll", "select"))
        self._settings = Settings(
            cap=self._scale.cap,
            write_mode=random.choice(("direct", "direct", "armed")),
            max_connections=random.choice((2, 5, 100)),
            max_per_peer=random.choice((0, 0, 3)),
            header_timeout=random.choice((0, 0.5, 10)),
            body_timeout=random.choice((0, 0.7, 60)),
            write_timeout=random.choice((0, 1, 30)),
            idle_timeout=random.choice((0, 0, 2)),
            grace=random.choice((0, 0.5, 5)),
            trace="off" if self._is_tight else random.choice(("off", "off", "state", "io")),
        )
        self.kernel = SimulatedKernel(poller, random.choice((1, 1, 2)))
        self._ceiling = random.choice((inf, inf, 14))
        self.kernel.poller.wait = self._wait
        self._peers: list[Peer] = []
        self._steps = 0
        self._chaos = random.randint(20, 140)
        self._part = self._act_at_random
        self._idle_polls = 0
        self._has_work = False
        """Whether the loop goes on without waiting."""
        self._moved = 0
        self._requests = 0
        self.server: Server
        self.audience: Audience
        self.judge: Judge
        self.note("settings: %s", self._settings)

    def note(self, words: str, *values: object) -> None:
        """Write a line of history, if somebody reads it."""
        if self._history is not None:
            self._history(f"{self._steps:5} {self.kernel.now:12.6f} {words % values}")

    def run(self) -> None:
        """Run it all. Raises `Violation` if an invariant does not hold."""
        with self._patched():
            events = EventStream(journal_capacity=self.random.choice((5, 4096)))
            listeners = tuple(
                Listener(cast(Any, each), "127.0.0.1", each.fd) for each in self.kernel.listeners
            )
            shard = Shard(listeners, ConnectionLimit(), self.kernel.epoch)
            clock = self.kernel.clock
            self.server = server = Server(
                self._settings, events, clock, shard, wall=self.kernel.wall_clock
            )
            self.judge = Judge(server, self.kernel, self._settings)
            self.audience = Audience(self.random, events, server, self.kernel, self.judge)
            server.start()  # and it runs until it has stopped
            self._check_the_end()

    @contextmanager
    def _patched(self) -> Iterator[None]:
        """Put the simulated kernel in the place of the real one."""
        kernel = self.kernel
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(calls, "os", kernel)
            discard = lambda calls, fd, size: kernel.discard(fd, size)  # noqa: E731
            patch.setattr(Calls, "discard", discard)
            patch.setattr(serving, "BATCH_BUDGET", BUDGET)
            patch.setattr(kernel_figures, "fcntl", kernel)
            patch.setattr(command_queue, "Wakeup", partial(Wakeup, kernel))
            patch.setattr(memory, "_malloc_trim", None)
            patch.setattr(loop, "connection_ceiling", lambda: self._ceiling)
            patch.setattr(server_module, "make_poller", lambda name: kernel.poller)
            patch.setattr(server_module, "fit_descriptors", lambda settings, poller: (settings, ()))
            threads = SimpleNamespace(Thread=InlineThread, Lock=threading.Lock)
            patch.setattr(server_module, "threading", threads)
            if self._is_tight:
                patch.setattr(stream, "MOST_WAITING", 25)
            still = partial(Reporter, cpu_clock=lambda: 0.0, stopwatch=lambda: 0.0)
            patch.setattr(server_module, "Reporter", still)
            yield

    # --- a step ---

    def _wait(self, timeout: float | None) -> Ready:
        """Check the iteration that has ended, go on, and return what is ready."""
        self._steps += 1
        self.kernel.now += 1e-6
        self.judge.check()
        self.audience.compare_after_round()
        if self._is_tight:
            self.audience.hand_on()  # the judge must see every event
        self._has_work = timeout == 0
        elapsed = self._part()
        if elapsed < 0:
            return []  # it was stopped (SIGSTOP): the system call was interrupted
        ready = self.kernel.poller.ready()
        if not ready and timeout != 0:
            limit = inf if timeout is None else timeout
            self.kernel.now += min(elapsed, limit)
        self.random.shuffle(ready)
        self.note("ready: %s, waited %s of %s s", ready, elapsed, timeout)
        self._look_for_spinning(ready)
        return ready

    def _look_for_spinning(self, ready: Ready) -> None:
        moved = sum(len(sock.moves) + sock.arrived + sock.acked for sock in self.kernel.all)
        self._idle_polls = self._idle_polls + 1 if ready and moved == self._moved else 0
        self._moved = moved
        if self._idle_polls > IDLE_POLLS and self._part != self._act_at_random:
            raise Violation(f"it spins: nothing moves, and ready is {ready}")

    # --- chaos ---

    def _act_at_random(self) -> float:
        if self._steps > self._chaos:
            self._part = self._rest
            self.kernel.poller.full = self.kernel.no_memory = 0
            for listener in self.kernel.listeners:
                listener.failing = 0
            return self._rest()
        random = self.random
        for _ in range(random.choice((1, 1, 2, 4))):
            (act,) = random.choices(_ACTS, cum_weights=_WEIGHTS)
            act(self)
        if random.random() < 0.03 and not self._has_work:
            self.kernel.now += random.choice((0.05, 3.0))  # stopped: the poll finds nothing at once
            self.judge.stalled_at = self.kernel.now
            if self.judge.stop_asked:  # the loop may not have heard of it, and counts from then
                late = self.kernel.now + self._settings.grace + LATE
                self.judge.stop_by = max(self.judge.stop_by, late)
            return -1
        return random.choice((0.0, 0.0001, 0.01, 0.3, 20.0))

    def _connect(self) -> None:
        listener = self.random.choice(self.kernel.listeners)
        if len(self._peers) >= 12 or listener.is_closed:
            return
        peer = make_peer(self.random, self._scale)
        self._peers.append(peer)
        peer.sock.kernel = self.kernel
        peer.sock.number = len(self._peers)
        listener.queue.append(peer.sock)
        self.kernel.poller.changed(listener.fd)
        self.note("connect: %s", peer)

    def _send(self) -> None:
        if self._peers:
            peer = self.random.choice(self._peers)
            peer.send(self.random.choice(self._scale.steps))
            self.note("send: %s", peer.sock)

    def _read(self) -> None:
        if self._peers:
            peer = self.random.choice(self._peers)
            peer.read(self.random.choice(self._scale.steps))
            self.note("acknowledge: %s", peer.sock)

    def _break(self) -> None:
        if self._peers:
            peer = self.random.choice(self._peers)
            peer.sock.break_with(errno.ECONNRESET)
            self.note("RST: %s", peer.sock)

    def _kill(self) -> None:
        ids = self.random.sample([*self.judge.open_ids(), 999], 1)
        mode = self.random.choice(tuple(KillMode))
        for number in ids:
            self.judge.killed.setdefault(number, self.kernel.now)
            if mode is KillMode.RESET:
                self.judge.reset.add(number)
        self.server.submit(Kill(request=self._request(), ids=tuple(ids), mode=mode))
        self.note("kill %s %s", mode, ids)

    def _set(self) -> None:
        name, values = self.random.choice(
            (
                ("cap", (1, self._scale.cap // 2, self._scale.cap, 2 * self._scale.cap)),
                ("write_mode", ("direct", "armed")),
                ("max_connections", (1, 3, 100)),
                ("max_per_peer", (0, 1, 3)),
                ("header_timeout", (0, 0.3, 5)),
                ("body_timeout", (0, 0.3, 5)),
                ("write_timeout", (0, 0.3, 5)),
                ("idle_timeout", (0, 0.3, 5)),
            )
        )
        value = self.random.choice(cast(tuple[Any, ...], values))
        if name in self.judge.values:
            self.judge.values[name].add(value)
        self.server.submit(Set(request=self._request(), name=name, value=value))
        self.note("set %s %s", name, value)

    def _trace(self) -> None:
        ids = self.judge.open_ids()
        if ids and not self._is_tight:
            level = self.random.choice(tuple(TraceLevel))
            number = self.random.choice(ids)
            self.server.submit(Trace(request=self._request(), id=number, level=level))
            self.note("trace %s #%s", level, number)

    def _request(self) -> int:
        self._requests += 1
        return self._requests

    def _fail_accepts(self) -> None:
        listener = self.random.choice(self.kernel.listeners)
        listener.failing = self.random.choice(ACCEPT_ERRORS)
        if not listener.failing:
            self.kernel.poller.changed(listener.fd)
        self.note("accept at %s fails: %s", listener.fd, listener.failing)

    def _fill_poller(self) -> None:
        self.kernel.poller.full += 1
        self.judge.faults += 1
        self.note("the next epoll_ctl fails: ENOSPC")

    def _use_up_memory(self) -> None:
        self.kernel.no_memory += 1
        self.judge.faults += 1
        self.note("the next read has no memory")

    def _set_wall_clock(self) -> None:
        step = self.random.choice(CLOCK_STEPS)
        self.audience.set_wall_clock(step)
        self.note("the wall clock is set by %s s", step)

    def _attach(self) -> None:
        self.note("attach: %s", self.audience.attach())

    def _detach(self) -> None:
        self.note("detach: %s", self.audience.detach())

    def _stop(self) -> None:
        if self.random.random() < 0.1:
            self._begin_stop()

    def _begin_stop(self) -> None:
        now = self.random.random() < 0.2
        self.judge.stop_asked = True
        grace = 0 if now else self._settings.grace
        self.judge.stop_by = min(self.judge.stop_by, self.kernel.now + grace + LATE)
        self.server.stop("test", now=now)
        self.note("stop, now: %s", now)

    # --- rest and stop ---

    def _rest(self) -> float:
        """Have every peer do what it intends; when nothing moves any more, begin the stop."""
        if self._steps > self._chaos + STEPS_OF_REST:
            raise Violation("the peers do what they intended, and it does not come to rest")
        moved = False
        for peer in self._peers:
            moved |= bool(peer.reads) and peer.sock.acknowledge(EVERYTHING) > 0
            moved |= peer.send(max(self._scale.steps))
        if self.judge.stop_asked:
            if self.random.random() < 0.1:
                self._begin_stop()  # a second one does not give it more time
            return 0.05
        waiting = any(each.queue for each in self.kernel.listeners)
        is_quiet = not (moved or waiting or self._idle_polls or self._has_work)
        if is_quiet and not self.kernel.poller.is_ready:
            self._check_rest()
            self._part = self._wind_up
            self.audience.begin_comparison()
        return 0.05

    def _check_rest(self) -> None:
        """Check that each peer that reads has the echo of each whole frame it has sent."""
        for connection in self.server._loop.life.by_id.values():
            sock = self.kernel.sockets[connection.fd]
            if connection.machine.closing or sock.unacked:
                continue
            if sock.unread or sock.written != sock.whole_until(sock.arrived):
                raise Violation(f"{sock}: at rest, and not everything is echoed")

    def _wind_up(self) -> float:
        if self.audience.is_comparing:
            return 0.001
        self._begin_stop()
        self._part = self._rest
        return 0.001

    def _check_the_end(self) -> None:
        self.audience.hand_on()
        judge, kernel = self.judge, self.kernel
        if self.server.failure:
            raise Violation(f"the server died: {self.server.failure}")
        if kernel.sockets or kernel.watchable:
            raise Violation(f"open at the end: {sorted(kernel.watchable)}")
        if len(judge.opened) != len(kernel.all) or judge.open_ids():
            raise Violation(f"{len(kernel.all)} accepted, {len(judge.closed)} closed")
        stopped = judge.stopped
        totals = (len(kernel.all), len(kernel.all), sum(sock.written for sock in kernel.all))
        if stopped is None or (stopped.opened, stopped.closed, stopped.bytes_out) != totals:
            raise Violation(f"it tells {stopped} at the end, not {totals}")
        self.audience.check_the_end()


_CHANCES: Final[dict[Callable[[World], None], float]] = {
    World._connect: 8,
    World._send: 40,
    World._read: 25,
    World._break: 1,
    World._kill: 2,
    World._set: 2,
    World._trace: 1,
    World._fail_accepts: 1,
    World._fill_poller: 0.3,
    World._use_up_memory: 0.3,
    World._stop: 0.7,
    World._set_wall_clock: 0.5,
    World._attach: 2,
    World._detach: 1,
    lambda world: world.audience.add_failing(): 0.5,
    lambda world: world.audience.take_some(): 8,
    lambda world: world.audience.begin_comparison(): 3,
}
"""What may happen in a step, and how often compared with the others."""
_ACTS: Final = tuple(_CHANCES)
_WEIGHTS: Final = tuple(accumulate(_CHANCES.values()))


def simulate(seed: int) -> str:
    """Run one seed; return in one line what failed and how to see it again, or nothing."""
    try:
        World(seed).run()
    except BaseException as error:  # a crash of the simulation itself counts as well
        while error.__context__ is not None:
            error = error.__context__  # the first: giving up after it may violate more
        words = str(error) if isinstance(error, Violation) else repr(error)
        return f"python -m tests.simulation --seed {seed}  # {words}"
    return ""
