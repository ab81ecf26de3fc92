"""The server's figures for Prometheus, made when they are asked for.

Between two scrapes nothing is made: the loop counts what it counts anyway, and the `State` of the
fan-out counts opens, and closes by reason. A scrape watches the loop for a moment, as a dashboard
does, until the loop has told its figures. No label holds text of a peer.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import inf
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from .. import __version__
from ..core.events import ConnectionState, Notice, Reason
from ..core.histogram import Histogram
from ..watch.fanout import Fanout
from ..watch.process_figures import CpuAccount, descriptor_limit, together, usage
from ..watch.stream import Drained

PREFIX: Final = "echo_tui"
FRESH: Final = 0.5
"""Seconds for which figures are fresh: scraping more often tells the same ones again."""
PATIENCE: Final = 1.5
"""Seconds to wait for the loop's figures, before old ones are told with their age."""
STATES: Final = tuple(each for each in ConnectionState if each is not ConnectionState.CLOSED)
EDGES_US: Final = tuple(2**power for power in range(3, 24))
"""The upper edges of the histograms' buckets, 8 µs to 8 s. The loop's own finer buckets end at
powers of two, so that every count is exact."""


class FreshFigures:
    """An observer that waits for the loop's figures."""

    def __init__(self) -> None:
        self.watched = False
        self.arrived = threading.Event()
        """Set when statistics come that are not of before `asked_at`."""
        self.asked_at = inf

    def hear(self, drained: Drained) -> None:
        """Note new statistics; called in the fan-out's thread."""
        for event in drained.events:
            if type(event) is Notice and event.clock_step:
                self.asked_at = min(self.asked_at, event.t)  # after it the wall clock may be lower
        if drained.stats is not None and drained.stats.t >= self.asked_at:
            self.arrived.set()


class ServerCollector:
    """Collects the metrics for a scrape of Prometheus; several threads may call it."""

    def __init__(
        self,
        fanout: Fanout,
        more_pids: Callable[[], Iterable[int]] = tuple,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`more_pids` are processes that belong to the server beside this one."""
        self._fanout = fanout
        self._more_pids = more_pids
        self._clock = clock
        self.figures = fanout.add(FreshFigures(), "metrics")
        self._lock = threading.Lock()
        self._asked_at = -inf
        self._cpu = CpuAccount()

    def collect(self) -> Iterator[Metric]:
        """All figures, as fresh as `FRESH`."""
        with self._lock:
            self._refresh()
            families = [
                *self._of_connections(),
                *self._of_the_loop(),
                *self._of_the_workers(),
                *self._of_the_process(),
            ]
        yield from families

    def _refresh(self) -> None:
        """Have the loop tell its figures. One that does not within `PATIENCE` keeps the old ones,
        and their age is told.
        """
        if self._fanout.state.ended or self._clock() - self._asked_at < FRESH:
            return
        figures = self.figures
        figures.arrived.clear()
        figures.watched = True
        figures.asked_at = self._fanout.now()
        self._fanout.update_watched()
        self._fanout.request_figures()
        figures.arrived.wait(PATIENCE)
        figures.asked_at = inf
        figures.watched = False
        self._fanout.update_watched()
        self._asked_at = self._clock()

    def _of_connections(self) -> Iterator[Metric]:
        state = self._fanout.state
        with self._fanout.lock:
            rows = list(state.rows.values())
        counts: Counter[str] = Counter(row.state for row in rows)
        states = {str(state): counts[state] for state in STATES}
        text = "Open connections by state."
        yield _by_label(GaugeMetricFamily, "connections", text, "state", states)
        yield _counter("connections_opened", "Connections accepted.", state.opened)
        accepts = {str(address): count for address, count in state.listeners}
        text = "Connections accepted, by listener."
        yield _by_label(CounterMetricFamily, "listener_accepts", text, "listener", accepts)
        reasons = {str(reason): state.reasons[reason] for reason in Reason}
        text = "Connections ended, by reason."
        yield _by_label(CounterMetricFamily, "connections_closed", text, "reason", reasons)
        listening = state.listening
        if listening is not None:
            labels = ["version", "poller"]
            info = GaugeMetricFamily(f"{PREFIX}_build_info", "Always 1.", labels=labels)
            info.add_metric([__version__, listening.poller], 1)
            yield info
            limit = listening.max_connections
            yield _gauge("connections_limit", "More are closed as `limit`.", limit)
            yield _gauge("cap_bytes", "Largest body accepted.", listening.cap)

    def _of_the_loop(self) -> Iterator[Metric]:
        stats = self._fanout.state.stats
        if stats is None:
            return
        frames = {"in": stats.frames_in, "out": stats.frames_out}
        moved = {"in": stats.bytes_in, "out": stats.bytes_out}
        for name, text, by_direction in (
            ("frames", "Frames received and echoed in full.", frames),
            ("bytes", "Bytes received and sent, headers too.", moved),
        ):
            yield _by_label(CounterMetricFamily, name, text, "direction", by_direction)
        for name, text, count in (
            ("pollout_toggles", "Changes of POLLOUT interest.", stats.toggles),
            ("eagains", "Calls that could do nothing yet.", stats.eagains),
            ("partial_writes", "Writes of which the kernel took a part.", stats.partial_writes),
            ("accept_errors", "Failures of accept.", stats.accept_errors),
            ("loop_polls", "Calls of the poller.", stats.polls + stats.repolls),
            ("loop_wakeups", "Polls that returned something.", stats.wakeups),
            ("loop_ready", "Descriptors that polls returned.", stats.ready),
            ("loop_cpu_seconds", "CPU time of the loop.", stats.cpu_seconds),
            ("events_dropped", "Events dropped: nobody took them in time.", stats.drops),
        ):
            yield _counter(name, text, count)
        yield _gauge("pollout_armed", "Connections with POLLOUT armed.", stats.armed)
        yield _gauge(
            "event_queue_depth",
            "Events that wait for whoever is furthest behind.",
            stats.queue_depth,
        )
        yield _gauge(
            "loop_iteration_longest_seconds",
            "Longest iteration of the loop in the last minute, whoever else reads it.",
            self._fanout.state.longest_us / 1e6,
        )
        yield _gauge(
            "statistics_age_seconds",
            "Since the loop (of workers: the oldest) told its figures: one that hangs does not.",
            max(0.0, self._fanout.now() - (stats.oldest_at or stats.t)),
        )
        yield _histogram(
            "loop_iteration_seconds", "From a poll's return to the next.", stats.iteration_us
        )
        yield _histogram("service_seconds", "From a frame's wake-up to its echo.", stats.service_us)

    def _of_the_workers(self) -> Iterator[Metric]:
        with self._fanout.lock:
            workers = dict(self._fanout.state.workers)
        if not workers:
            return
        stats = {str(number): workers[number].stats for number in sorted(workers)}
        alive = {number: int(one.alive) for number, one in stats.items()}
        restarts = {number: one.restarts for number, one in stats.items()}
        hung = {number: int(one.silent > 0) for number, one in stats.items()}
        yield _by_label(GaugeMetricFamily, "worker_alive", "Whether it serves.", "worker", alive)
        text = "Processes that took its place after the first."
        yield _by_label(CounterMetricFamily, "worker_restarts", text, "worker", restarts)
        text = "Whether it serves and gives no sign of life."
        yield _by_label(GaugeMetricFamily, "worker_hung", text, "worker", hung)

    def _of_the_process(self) -> Iterator[Metric]:
        """Under the names that Prometheus has for every process, of all processes together. The
        descriptors are those of one process: the one that is nearest to its own limit.
        """
        own = os.getpid()
        used = {pid: usage(pid) for pid in (own, *self._more_pids())}
        total = together(used.values())
        if total is None:
            return  # unknown is not zero
        cpu = self._cpu.total(used)
        descriptors = [(one.fds, descriptor_limit(pid)) for pid, one in used.items() if one]
        fds, most = max(descriptors, key=lambda pair: pair[0] / pair[1])
        yield CounterMetricFamily("process_cpu_seconds", "CPU time.", cpu)
        yield GaugeMetricFamily("process_resident_memory_bytes", "Resident memory.", total.rss)
        yield GaugeMetricFamily("process_open_fds", "Open descriptors of the fullest process.", fds)
        yield GaugeMetricFamily("process_max_fds", "Descriptors that it may open.", most)
        yield GaugeMetricFamily("process_threads", "Threads.", total.threads)
        yield GaugeMetricFamily(
            "process_start_time_seconds", "Unix time of the start.", total.started_at
        )


def registry_of(collector: ServerCollector) -> CollectorRegistry:
    """A registry of that collector alone."""
    registry = CollectorRegistry()
    registry.register(collector)
    return registry


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"{PREFIX}_{name}", text, value)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{PREFIX}_{name}", text, value)


def _by_label(
    family_of: type[CounterMetricFamily | GaugeMetricFamily],
    name: str,
    text: str,
    label: str,
    values: Mapping[str, int],
) -> Metric:
    family = family_of(f"{PREFIX}_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _histogram(name: str, text: str, counts: tuple[tuple[int, int], ...]) -> Metric:
    """Cumulated up to each of `EDGES_US`; the sum takes each value in the middle of its bucket."""
    histogram = Histogram.from_counts(counts)
    finer = list(histogram.buckets())
    buckets = [
        (str(edge / 1e6), sum(bucket.times for bucket in finer if bucket.high < edge))
        for edge in EDGES_US
    ]
    total = histogram.mean * histogram.count / 1e6
    return HistogramMetricFamily(
        f"{PREFIX}_{name}", text, [*buckets, ("+Inf", histogram.count)], total
    )
