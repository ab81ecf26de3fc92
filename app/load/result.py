"""Merges the outcomes of all processes into one result, and writes it as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct, to_builtins

from ..core.histogram import Histogram
from .findings import Finding
from .load_plan import LoadPlan
from .load_runner import LoadWorker, failures
from .outcome import HISTOGRAM_BITS, Outcome, ProfileOutcome
from .sizes import describe

PERCENTILES: Final = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99_9": 99.9, "max": 100.0}
BUSY: Final = 0.9
"""Share of a core above which a process of the generator may have limited the rate."""
LONG_ENOUGH: Final = 0.5
"""Seconds; in a shorter run the share of a core means nothing."""


class Result(Struct, frozen=True, kw_only=True):
    """The result of a run. Times are in seconds, latencies in microseconds, sizes in bytes."""

    plan: LoadPlan
    interrupted: bool
    connected: int
    failures: dict[str, int]
    """Counts of connections that could not be opened, by the words of the error."""
    dead: int
    """Processes of the generator that ended without an outcome."""
    frames: int
    measured_s: float
    frames_per_s: float
    bytes_per_s: float
    wrong: int
    missing: int
    lost: int
    late: int
    stranded: int
    """The part of `late` that belongs to lost connections."""
    cpu: tuple[float, ...]
    """The share of a core that each process of the generator used."""
    unexpected: int
    """Problems of misbehaving clients that are neither wrong nor missing echoes."""
    findings: tuple[Finding, ...]
    found: int
    """Number of findings, including those that are not in `findings`."""
    profiles: tuple[ProfileOutcome, ...]
    latency: Histogram

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
    readies = [w.ready for w in workers if w.ready and not w.share.profiles]
    latency = Histogram(HISTOGRAM_BITS)
    for outcome in outcomes:
        latency.merge(Histogram.from_counts(outcome.latency, HISTOGRAM_BITS))
    return Result(
        plan=plan,
        interrupted=interrupted,
        connected=sum(ready.connected for ready in readies),
        failures=dict(failures(readies)),
        dead=len(workers) - len(outcomes),
        frames=_total(outcomes, "frames"),
        measured_s=max((outcome.measured_s for outcome in measuring), default=0.0),
        frames_per_s=sum(outcome.measured_frames / outcome.measured_s for outcome in measuring),
        bytes_per_s=sum(outcome.measured_bytes / outcome.measured_s for outcome in measuring),
        wrong=_total(outcomes, "wrong"),
        missing=_total(outcomes, "missing"),
        lost=_total(outcomes, "lost"),
        late=_total(outcomes, "late"),
        stranded=_total(outcomes, "stranded"),
        cpu=tuple(outcome.cpu_s / outcome.measured_s for outcome in measuring),
        unexpected=_total(outcomes, "unexpected"),
        found=_total(outcomes, "found"),
        findings=tuple(finding for outcome in outcomes for finding in outcome.findings),
        profiles=tuple(profile for outcome in outcomes for profile in outcome.profiles),
        latency=latency,
    )


def _total(outcomes: Sequence[Outcome], name: str) -> int:
    return sum(getattr(outcome, name) for outcome in outcomes)


def as_json(result: Result) -> dict[str, Any]:
    """Return the result in the schema of `--json`, documented in docs/load.md."""
    plan, latency = result.plan, result.latency
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
