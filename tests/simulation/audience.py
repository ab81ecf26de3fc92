"""Everybody who watches a simulated server, behind one fan-out, and the comparison with the server.

The fan-out is the product's; the simulation calls it in place of its thread. A comparison asks for
figures and waits for the round that answers. Right after that round each watcher's state must say
exactly what the loop's own objects say.
"""

from __future__ import annotations

from random import Random

import msgspec

from app.control.protocol import Watch
from app.core.events import Snapshot
from app.core.statistics import LoopStats
from app.server.server import Server
from app.watch.fanout import Fanout
from app.watch.stream import EventStream

from .judge import FOLLOWS_WITHIN, Judge
from .kernel import SimulatedKernel
from .sockets import Violation
from .watchers import ControlWatcher, Failing, ScreenWatcher, Watcher


class Audience:
    """The watchers of one simulation."""

    def __init__(
        self,
        random: Random,
        stream: EventStream,
        server: Server,
        kernel: SimulatedKernel,
        judge: Judge,
    ) -> None:
        """Begin with the judge alone, who is told every event."""
        self._random = random
        self._stream = stream
        self._server = server
        self._kernel = kernel
        self._judge = judge
        self._fanout = Fanout(stream, server.wake, clock=kernel.clock, now=server.now)
        self._watchers: list[Watcher] = []
        self._compares_from = -1.0  # when figures were asked for
        self._fanout.add(judge)

    def hand_on(self) -> None:
        """Hand on what the loop has published, as the fan-out's thread would."""
        self._fanout.hand_on(self._stream.drain())
        if self._judge.violation is not None:
            raise self._judge.violation

    def attach(self) -> str:
        """Add a screen or a control client; return which."""
        watcher: Watcher
        if self._random.random() < 0.5:
            watcher = ScreenWatcher(self._random.choice((3, 4096)))
            self._fanout.add(watcher.observer)
        else:
            detail, figures = self._random.random() < 0.5, self._random.random() < 0.8
            wishes = Watch(detail=detail, figures=figures)
            watcher = ControlWatcher(self._fanout, self._kernel.clock, wishes)
            self._fanout.add(watcher.observer)
            watcher.begin()
            if self.is_comparing:
                self._compares_from = self._kernel.now  # it waits for figures of after its request
        self._watchers.append(watcher)
        return type(watcher).__name__

    def detach(self) -> str:
        """Remove a watcher, if there is one; return which."""
        if not self._watchers:
            return "nobody"
        watcher = self._watchers.pop(self._random.randrange(len(self._watchers)))
        self._fanout.remove(watcher.observer)
        self._compares_from = -1.0  # without a watcher no round comes
        return type(watcher).__name__

    def add_failing(self) -> None:
        """Add an observer that will raise."""
        self._fanout.add(Failing(self._random.randint(1, 9)))

    def take_some(self) -> None:
        """Hand on, and have one watcher take what waits; the others are stalled meanwhile."""
        self.hand_on()
        if self._watchers:
            self._random.choice(self._watchers).take()

    @property
    def is_comparing(self) -> bool:
        """Whether figures were asked for, and have not come."""
        return self._compares_from >= 0

    def begin_comparison(self) -> None:
        """Ask for figures, if somebody watches.

        Around a step of the wall clock those of now seem old, and a client waits a second longer.
        """
        was_set = self._kernel.now - self._judge.clock_set_at < FOLLOWS_WITHIN
        if self._watchers and not self.is_comparing and not was_set:
            self._fanout.request_figures()
            self._compares_from = self._kernel.now

    def set_wall_clock(self, step: float) -> None:
        """Set the wall clock; a comparison under way is given up."""
        self._kernel.epoch += step
        self._judge.clock_set_at = self._kernel.now
        self._compares_from = -1.0

    def compare_after_round(self) -> None:
        """Compare every watcher with the server, if the figures that were asked for have come."""
        if not 0 <= self._compares_from <= self._server._reporter._round_at:
            return
        self._compares_from = -1.0
        self.hand_on()
        life, epoch = self._server._loop.life, self._server._epoch
        true = {each.id: each.snapshot(epoch) for each in life.by_id.values()}
        state = self._fanout.state
        _compare("the fan-out's state", {row.id: row.snapshot for row in state.live()}, true)
        assert state.stats is not None
        self._compare_totals(state.stats)
        for watcher in self._watchers:
            watcher.take()
            if not isinstance(watcher, ControlWatcher):
                _compare("a screen", watcher.known(), true)
            elif watcher.has_figures:
                _compare("a client", watcher.known(), true)
            elif watcher.known().keys() != true.keys():
                raise Violation(f"a client shows {list(watcher.known())}, open are {list(true)}")

    def _compare_totals(self, stats: LoopStats) -> None:
        socks, modified = self._kernel.all, self._kernel.poller.modified
        true = {
            "opened": len(self._judge.opened),
            "closed": len(self._judge.closed),
            "open": len(self._kernel.sockets),
            "bytes_in": sum(sock.consumed for sock in socks),
            "bytes_out": sum(sock.written for sock in socks),
            "partial_writes": sum(sock.partial_writes for sock in socks),
            "toggles": sum(modified.values())
            + sum(each.toggles for each in socks if each.is_closed or each.fd not in modified),
            "accept_errors": sum(each.errors for each in self._kernel.listeners),
        }
        for name, value in true.items():
            if getattr(stats, name) != value:
                raise Violation(f"the loop tells {name} {getattr(stats, name)}, it is {value}")

    def check_the_end(self) -> None:
        """Check that nobody shows a connection any more."""
        for watcher in self._watchers:
            watcher.take()
            if watcher.known():
                raise Violation(
                    f"{type(watcher).__name__} shows {list(watcher.known())} at the end"
                )


def _compare(who: str, known: dict[int, Snapshot | None], true: dict[int, Snapshot]) -> None:
    if known.keys() != true.keys():
        raise Violation(f"{who} shows {sorted(known)}, open are {sorted(true)}")
    for number, snapshot in true.items():
        shown, is_so = _figures(known[number]), _figures(snapshot)
        if shown != is_so:
            wrong = {name: (shown.get(name), is_so[name]) for name in is_so}
            wrong = {name: values for name, values in wrong.items() if values[0] != values[1]}
            raise Violation(f"{who} shows of #{number}, and true is: {wrong}")


def _figures(snapshot: Snapshot | None) -> dict[str, object]:
    """Return what must be told when it changes; the time of the last look at it need not."""
    if snapshot is None:
        return {}
    figures = msgspec.structs.asdict(snapshot)
    del figures["t"]
    if snapshot.queues is not None:
        queues = snapshot.queues
        amounts = (queues.since, queues.unacked_bytes, queues.in_flight_bytes, queues.window)
        figures["queues"] = (*amounts, queues.has_stopped, queues.answers)
    return figures
