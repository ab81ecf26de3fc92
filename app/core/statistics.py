"""Events with the figures of a loop, a process or a worker, in the units of `app.core.events`."""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class EventStruct(msgspec.Struct, frozen=True, tag_field="event"):
    """The base of every event."""


class MeasuredRate(NamedTuple):
    """A connection's frames per second, and the seconds over which they were measured."""

    per_second: float
    span: float
    ended_at: float = 0.0
    """When the measurement ended and the next one began, in Unix seconds; 0 if it is not known."""
    frames: int = 0
    """Frames echoed before that moment."""


class LoopStats(EventStruct, frozen=True, tag="loop_stats"):
    """The figures of a loop, or of several together."""

    t: float
    polls: int
    """Iterations: each begins with a call of the poller."""
    wakeups: int
    """Polls that returned because a descriptor was ready."""
    ready: int
    """Descriptors that those polls returned, in all."""
    longest_us: int
    """Longest iteration (poll return to next poll) since the last statistics."""
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
    """Events that wait: in the loop, and at whoever is told and is furthest behind."""
    drops: int
    """Events dropped: detail for which the journal had no room, and what nobody took in time."""
    service_us: tuple[tuple[int, int], ...] = ()
    """Histogram (`app.core.histogram`) of the service times since the start: from the wake-up that
    completed a frame to the end of its echo's write."""
    iteration_us: tuple[tuple[int, int], ...] = ()
    """Histogram of the iterations' times (poll return to next poll) since the start."""
    bodies: tuple[tuple[int, int], ...] = ()
    """A sample of the frames since the last statistics: connection id, body length."""
    oldest_at: float = 0.0
    """The time of the oldest figures, if these are of several loops together; 0 if of one."""
    reads: int = 0
    """Calls of read(2) on connections since the start; `writes` are those of write(2) and
    writev(2)."""
    writes: int = 0
    ctls: int = 0
    """Calls of epoll_ctl(2), or of kevent(2) for a change; poll(2) and select(2) need none."""
    repolls: int = 0
    """Calls of the poller within an iteration, before a deadline is judged."""
    observed: int = 0
    """Iterations that were observed (`app.core.iteration`); of them are the four that follow."""
    asleep_us: int = 0
    polling_us: int = 0
    """CPU time inside poll(2), epoll_wait(2) or select(2)."""
    serving_us: int = 0
    telling_us: int = 0
    accepts: tuple[int, ...] = ()
    """Connections accepted since the start at each of `Listening.listeners`, in their order."""


def carry_longest(stats: LoopStats, earlier: LoopStats | None) -> LoopStats:
    """Return `stats` that also tell the longest iteration of `earlier`, which nobody has read."""
    if earlier is None or earlier.longest_us <= stats.longest_us:
        return stats
    return msgspec.structs.replace(stats, longest_us=earlier.longest_us)


class ProcessStats(EventStruct, frozen=True, tag="process_stats"):
    """The server's process with its workers, as the operating system sees them."""

    t: float
    cpu_percent: float
    """CPU time, in percent of one core."""
    rss: int
    fds: int
    threads: int


class WorkerStats(EventStruct, frozen=True, tag="worker_stats"):
    """One worker process; published about once a second while somebody watches."""

    t: float
    worker: int
    """Its number, from 1; a worker that was restarted keeps it."""
    pid: int
    """The process that runs now, or that ran last."""
    alive: bool
    restarts: int
    """Number of processes that took this worker's place after the first."""
    open: int
    frames: int
    """Frames echoed, by its earlier processes too."""
    cpu_seconds: float
    """CPU time of its processes, all threads; without the last moments of one that died."""
    rss: int
    longest_us: int
    """Longest iteration of its loop since its last statistics."""
    silent: float = 0.0
    """Seconds without a sign of life, if that is so long that it hangs; else 0."""
    silent_since: float = 0.0
    """When it last gave one, in Unix seconds, if it has left a probe unanswered; else 0."""
