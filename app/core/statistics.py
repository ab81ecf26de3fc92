"""Events that hold the figures of a loop, a process or a worker: absolute, the latest counts.

The units are those of `app.core.events`.
"""

from __future__ import annotations

import msgspec


class _Statistics(msgspec.Struct, frozen=True, tag_field="event", kw_only=True):
    pass


class LoopStats(_Statistics, frozen=True, tag="loop_stats"):
    """The loop's own figures."""

    t: float
    polls: int
    """Calls of the poller."""
    wakeups: int
    """Polls that returned because something was ready or a command came."""
    ready: int
    """Descriptors that those polls returned, in all."""
    longest_us: int
    """Longest iteration (poll return to next poll) since the previous statistics."""
    cpu_seconds: float
    """CPU time of the loop thread."""
    open: int
    opened: int
    closed: int
    refused: int
    """Connections closed as `limit`."""
    armed: int
    """Connections with POLLOUT armed now."""
    frames_in: int
    frames_out: int
    bytes_in: int
    bytes_out: int
    toggles: int
    eagains: int
    partial_writes: int
    accept_errors: int
    queue_depth: int
    """Events waiting to be drained."""
    drops: int
    """Detail events dropped because the journal was full."""
    service_us: tuple[tuple[int, int], ...] = ()
    """Service time: how many frames were echoed within how many microseconds of the wake-up that
    completed them, since the start, as `app.core.histogram` counts."""
    iteration_us: tuple[tuple[int, int], ...] = ()
    """How many iterations (poll return to next poll) took how many microseconds, likewise."""
    bodies: tuple[tuple[int, int], ...] = ()
    """A sample of the latest frames, so many from each round: connection id, body length."""
    oldest_at: float = 0.0
    """Of several loops' figures together, when the oldest of them were told; 0 where they are of
    one loop."""


class ProcessStats(_Statistics, frozen=True, tag="process_stats"):
    """The server's process, its workers' included, as the operating system sees it."""

    t: float
    cpu_percent: float
    """Of one core."""
    rss: int
    fds: int
    threads: int


class WorkerStats(_Statistics, frozen=True, tag="worker_stats"):
    """One worker process; told about once a second while somebody watches."""

    t: float
    worker: int
    """Its number, from 1; a worker that was restarted keeps it."""
    pid: int
    """Of the process that runs now, or that ran last."""
    alive: bool
    restarts: int
    """How often a new process took this worker's place."""
    open: int
    frames: int
    """Frames echoed, those of its earlier processes included."""
    cpu_seconds: float
    """CPU time of its processes, all threads; without the last moments of one that died."""
    rss: int
    longest_us: int
    """Longest iteration of its loop since its previous statistics."""
    silent: float = 0.0
    """Seconds for which it has given no sign of life, where that is too long: it hangs."""
