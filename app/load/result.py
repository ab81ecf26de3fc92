"""Merges the outcomes of all processes into one result, and writes it as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from msgspec import to_builtins

from ..core.histogram import Histogram
from .load_plan import LoadPlan
from .load_runner import LoadWorker, add_up_failures
from .outcome import HISTOGRAM_BITS, Outcome, add_up
from .sizes import describe

PERCENTILES: Final = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99_9": 99.9, "max": 100.0}
BUSY: Final = 0.9
"""Share of a core above which a process of the generator may have limited the rate."""
LONG_ENOUGH: Final = 0.5
"""Seconds; in a shorter run the share of a core means nothing."""


class Result(Outcome, frozen=True, kw_only=True):
    """The result of a run: the sum of the outcomes of its processes, and what is not a sum.

    Times are in seconds, latencies in microseconds, sizes in bytes. `measured_s` is the longest.
    """

    plan: LoadPlan
    interrupted: bool
    connected: int
    failures: Counter[str]
    """Counts of connections that could not be opened, by the words of the error."""
    dead: int
    """Processes of the generator that ended without an outcome."""
    frames_per_s: float
    bytes_per_s: float
    cpu: tuple[float, ...]
    """The share of a core that each process of the generator used."""
    histogram: Histogram
    """The latencies of all processes."""

    @property
    def verified(self) -> int:
        """Right echoes of all connections, including those of misbehaving clients."""
        return self.frames + sum(profile.echoed for profile in self.profiles)

    @property
    def well(self) -> bool:
        """Whether every echo came and was right, and nothing else went wrong."""
        bad = self.wrong, self.missing, self.lost, self.unexpected, self.dead, len(self.failures)
        seen = all(profile.as_expected for profile in self.profiles)
        return self.verified > 0 and seen and not any(bad)

    @property
    def was_the_ceiling(self) -> bool:
        """Whether the generator was so busy that it may have limited the rate."""
        return self.measured_s >= LONG_ENOUGH and any(share >= BUSY for share in self.cpu)


def merge(plan: LoadPlan, workers: Sequence[LoadWorker], interrupted: bool) -> Result:
    """Merge the outcomes of all workers."""
    outcomes = [worker.outcome for worker in workers if worker.outcome]
    measuring = [outcome for outcome in outcomes if outcome.measured_s]
    openings = [worker.opening for worker in workers if not worker.share.profiles]
    sums = add_up(outcomes)
    sums["measured_s"] = max((outcome.measured_s for outcome in measuring), default=0.0)
    return Result(
        **sums,
        plan=plan,
        interrupted=interrupted,
        connected=sum(opening.connected for opening in openings),
        failures=add_up_failures(openings),
        dead=len(workers) - len(outcomes),
        frames_per_s=sum(outcome.measured_frames / outcome.measured_s for outcome in measuring),
        bytes_per_s=sum(outcome.measured_bytes / outcome.measured_s for outcome in measuring),
        cpu=tuple(outcome.cpu_s / outcome.measured_s for outcome in measuring),
        histogram=Histogram.from_counts(sums["latency"], HISTOGRAM_BITS),
    )


def as_json(result: Result) -> dict[str, Any]:
    """Return the result in the schema of `--json`, documented in docs/load.md."""
    plan, latency = result.plan, result.histogram
    return {
        "schema": 1,
        "target": plan.where,
        "ok": result.well,
        "interrupted": result.interrupted,
        "plan": {
            "connections": plan.connections,
            "depth": plan.depth,
            "size": describe(plan.sizes),
            "rate": plan.rate,
            "duration_s": plan.duration,
            "frames": plan.frames,
            "connect_rate": plan.connect_rate,
            "processes": plan.processes,
            "timeout_s": plan.timeout,
            "seed": plan.seed,
            "profiles": dict(plan.profiles),
        },
        "connected": result.connected,
        "connect_failures": result.failures,
        "frames": result.frames,
        "seconds": result.measured_s,
        "frames_per_s": result.frames_per_s,
        "bytes_per_s": result.bytes_per_s,
        "late": result.late,
        "stranded": result.stranded,
        "wrong": result.wrong,
        "missing": result.missing,
        "lost": result.lost,
        "unexpected": result.unexpected,
        "latency_us": {
            "count": latency.count,
            "mean": latency.mean,
            **{name: latency.percentile(percent) for name, percent in PERCENTILES.items()},
            "buckets": [list(bucket) for bucket in latency.buckets()],
        },
        "generator": {
            "cpu": list(result.cpu),
            "was_the_ceiling": result.was_the_ceiling,
            "dead": result.dead,
        },
        "found": result.found,
        "findings": to_builtins(result.findings),
        "profiles": to_builtins(result.profiles),
    }
