"""The report of a run for a person, and the one line that shows its progress."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from itertools import chain
from time import monotonic
from typing import Final

from ..core.histogram import Histogram
from ..core.printable import printable
from .findings import counted
from .load_plan import LoadPlan
from .load_runner import LoadWorker, add_up_failures, failures_in_words
from .outcome import HISTOGRAM_BITS
from .result import PERCENTILES, Result
from .sizes import describe

BAR: Final = 32
"""Columns of the longest bar of the histogram, whose lines have 78 columns."""
ECHOED: Final = 2
"""Columns of the ``^C`` that a terminal prints for Ctrl-C."""
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
MOST_FINDINGS: Final = 10


def short_duration(us: float) -> str:
    """Write a duration with three digits: ``0.08 ms``, ``12.3 ms``, ``4.1 s``."""
    if us >= 1_000_000:
        return f"{us / 1_000_000:.3g} s" if us < 1_000_000_000 else f"{us / 1_000_000:,.0f} s"
    if us >= 100_000:
        return f"{us / 1000:.0f} ms"
    return f"{us / 1000:.3g} ms"


def byte_rate(per_second: float) -> str:
    """Write a rate, given in bytes per second, with a fitting unit."""
    if per_second < 100_000:
        return f"{per_second / 1000:.3g} kB/s"
    if per_second < 1e9:
        return f"{per_second / 1_000_000:,.3g} MB/s"
    return f"{per_second / 1e9:.3g} GB/s"


def report(result: Result, encoding: str = "utf-8") -> Iterator[str]:
    """Yield the lines of the report; bars are made of ``#`` if `encoding` has no blocks."""
    plan = result.plan
    yield heading(plan)
    if result.interrupted:
        yield "interrupted: what was measured until then"
    yield ""
    if plan.connections:
        yield from _echoes(result)
    for profile in result.profiles:
        clients = counted(profile.clients, "client")
        verdict = "as expected" if profile.as_expected else "NOT AS EXPECTED"
        yield f"{profile.profile:<12} {clients}, {verdict}: {profile.saw}"
    if plan.connections and result.histogram.count:
        yield from ("", *histogram_lines(result.histogram, encoding))
    yield ""
    yield from _verdict(result)


def heading(plan: LoadPlan) -> str:
    """Describe the plan in one line."""
    parts = [plan.where]
    if plan.connections:
        pace = f"{plan.rate:,.0f} frames/s asked for" if plan.rate else "closed loop"
        flight = "up to " if plan.rate else ""
        parts += [
            f"{counted(plan.connections, 'connection')}, "
            f"{flight}{counted(plan.depth, 'frame')} in flight on each",
            f"bodies of {describe(plan.sizes)}",
            pace,
        ]
    ends = [f"{plan.duration:g} s"] if plan.duration else []
    ends += [counted(plan.frames, "frame")] if plan.frames else []
    return "; ".join([*parts, " or ".join(ends), f"seed {plan.seed}"])


def _echoes(result: Result) -> Iterator[str]:
    plan = result.plan
    connected = f"{result.connected:,} of {plan.connections:,}"
    if result.failures:
        connected += f"; not: {failures_in_words(result.failures)}"
    yield f"{'connected':<12} {connected}"
    bodies = f"{byte_rate(result.bytes_per_s)} of bodies each way"
    rates = f"{result.frames_per_s:,.0f} frames/s, {bodies}"
    yield f"{'echoes':<12} {result.frames:,} in {result.measured_s:.2f} s: {rates}"
    if in_time := result.late - result.stranded:
        frames = counted(in_time, "frame was", "frames were")
        yield f"{'late':<12} {frames} due and not sent in time: the rate was too high"
    if result.stranded:
        frames = counted(result.stranded, "frame was", "frames were")
        yield f"{'late':<12} {frames} due on connections that were lost"
    yield f"{'latency':<12} {figures(result.histogram)}"
    if plan.rate:
        yield f"{'':<12} from the moment each frame was due, also while the server stalled"
    shares = ", ".join(f"{100 * share:.0f} %" for share in result.cpu)
    ceiling = (
        ": the generator was the ceiling, use more --processes" if result.was_the_ceiling else ""
    )
    yield f"{'generator':<12} {shares or '0 %'} of a core{ceiling}"


def figures(latency: Histogram) -> str:
    """Write the percentiles in one line."""
    parts = [
        f"{name.replace('_', '.')} {short_duration(latency.percentile(percent))}"
        for name, percent in PERCENTILES.items()
    ]
    return "  ".join(parts)


def _verdict(result: Result) -> Iterator[str]:
    shown = result.findings[:MOST_FINDINGS]
    for finding in shown:
        yield printable(str(finding), 300)
    if result.found > len(shown):
        yield f"and {result.found - len(shown):,} more"
    right = counted(result.verified, "echo", "echoes")
    if result.well:
        yield f"every byte of {right} was right"
    elif problems := _problems(result):
        yield f"NOT WELL: {', '.join(problems)}; right: {right}"
    else:
        yield "NOT WELL: not one echo came"


def _problems(result: Result) -> list[str]:
    kinds = (
        (result.wrong, "wrong echo", "wrong echoes"),
        (result.missing, "missing echo", "missing echoes"),
        (result.lost, "connection lost", "connections lost"),
        (sum(result.failures.values()), "connection not opened", "connections not opened"),
        (result.unexpected, "surprise of a profile", "surprises of profiles"),
        (
            result.dead,
            "process of the generator ended without a result",
            "processes of the generator ended without a result",
        ),
    )
    return [counted(number, one, many) for number, one, many in kinds if number]


def histogram_lines(latency: Histogram, encoding: str = "utf-8") -> Iterator[str]:
    """Yield lines with a bar for each range of latencies, two ranges per power of two."""
    has_blocks = _EIGHTHS.encode(encoding, "ignore").decode(encoding) == _EIGHTHS
    rows: dict[int, int] = {}
    for low, _, times in latency.buckets():
        rows[_row(low)] = rows.get(_row(low), 0) + times
    total, most, seen = latency.count, max(rows.values()), 0
    for row in range(min(rows), max(rows) + 1):
        times = rows.get(row, 0)
        seen += times
        eighths = round(times / most * BAR * 8) or (times > 0)
        whole, rest = divmod(eighths, 8)
        bar = "█" * whole + _EIGHTHS[rest].strip() if has_blocks else "#" * (whole + (rest > 0))
        yield (
            f"{short_duration(_begin(row)):>9} to {short_duration(_begin(row + 1)):<8} "
            f"{bar:<{BAR}} {times:>13,} {100 * seen / total:7.3f} %"
        )


def _row(us: int) -> int:
    """Return the row of a latency: two rows for each power of two, one below 2 µs."""
    if us < 2:
        return 1
    top = us.bit_length() - 1
    return 2 * top + (us >> (top - 1) & 1)


def _begin(row: int) -> int:
    """Return the smallest latency of a row, in microseconds."""
    return 0 if row < 2 else (2 + row % 2) << (row // 2) >> 1


class ProgressLine:
    """One line on a terminal with the progress of the run; nothing if there is no terminal."""

    def __init__(self, plan: LoadPlan, descriptor: int) -> None:
        self._plan = plan
        self._descriptor = descriptor
        self._shown = False
        self._next = 0.0
        self._last = (0.0, 0)
        self.active = os.isatty(descriptor)

    def render(self, workers: Sequence[LoadWorker]) -> None:
        """Draw the line again, at most four times a second."""
        now = monotonic()
        if not self.active or now < self._next:
            return
        self._next = now + 0.25
        self._write(*self._parts(workers))

    def _parts(self, workers: Sequence[LoadWorker]) -> list[str]:
        """Return the parts of the line, the most important first."""
        reporting = [(worker.share, worker.progress) for worker in workers if worker.progress]
        if not reporting:
            return self._connecting(workers)
        measuring = [progress for share, progress in reporting if not share.profiles]
        progresses = measuring or [progress for _, progress in reporting]
        seconds = max(progress.seconds for progress in progresses)
        frames = sum(progress.frames for progress in progresses)
        (before_s, before), self._last = self._last, (seconds, frames)
        rate = (frames - before) / (seconds - before_s) if seconds > before_s else 0.0
        parts = [
            f"{seconds:.1f} s" + (f" of {self._plan.duration:g}" if self._plan.duration else ""),
            f"{sum(progress.wrong for _, progress in reporting):,} wrong",
            f"{rate:,.0f}/s",
        ]
        if measuring:
            counts = chain.from_iterable(progress.latency for progress in measuring)
            latency = Histogram.from_counts(counts, HISTOGRAM_BITS)
            parts += [f"p{p} {short_duration(latency.percentile(p))}" for p in (50, 99)]
        alive = sum(progress.alive for progress in progresses)
        return [*parts, counted(alive, "connection"), counted(frames, "echo", "echoes")]

    def _connecting(self, workers: Sequence[LoadWorker]) -> list[str]:
        openings = [worker.opening for worker in workers if not worker.share.profiles]
        opened = sum(opening.connected for opening in openings)
        failed = add_up_failures(openings).total()
        parts = [f"connecting to {self._plan.where} …"]
        if openings:
            parts.append(f"{opened:,} of {counted(self._plan.connections, 'connection')}")
        if failed:
            parts.append(f"{failed:,} failed")
        return parts

    def _write(self, *parts: str) -> None:
        """Write as many of the first parts as fit; columns for a terminal's ``^C`` stay free."""
        columns = 0  # a terminal may not know them, or be gone
        with contextlib.suppress(OSError):
            columns = os.get_terminal_size(self._descriptor).columns
        room = (columns or 80) - ECHOED
        while len(parts) > 1 and len(" · ".join(parts)) > room:
            parts = parts[:-1]
        # A host name may have wide characters, and a line that wraps could not be erased.
        self._put(f"\r\x1b[2K\x1b[?7l{' · '.join(parts)[:room]}\x1b[?7h")
        self._shown = True

    def _put(self, text: str) -> None:
        # Not through sys.stderr: a signal handler must not write to a stream that is being written.
        try:
            os.write(self._descriptor, text.encode())
        except OSError:
            self.active = False  # the terminal is gone, and its SIGHUP stops the run

    def announce_stop(self) -> None:
        """Say that the run is stopping; nothing else is drawn from then on."""
        if self.active:
            self.active = False
            self._write("ending: waiting for the last echoes; Ctrl-C again does not wait")

    def clear(self) -> None:
        """Erase the line."""
        if self._shown:
            self._put("\r\x1b[2K")
            self._shown = False
