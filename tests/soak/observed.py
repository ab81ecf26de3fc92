"""What a soak sees of the server from outside: its log, its processes, its figures."""

from __future__ import annotations

import json
import re
import threading
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import psutil

from tests.soak.crowd import Ledger

EXPECTED: Final = {
    "churn": {"eof"},
    "steady": {"eof", "shutdown"},
    "slow_reader": {"eof", "reset", "shutdown"},
    "never_reads": {"timeout_write", "shutdown", "reset"},
    "victim": {"killed", "eof", "shutdown"},
}
"""The close reasons that the clients of each kind may meet."""
EXAMPLES: Final = 5
"""Lines kept of each thing that is out of place."""


@dataclass(slots=True)
class Faults:
    """What was out of place: how often, and the first of each kind."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, what: str, example: str) -> None:
        """Count one."""
        self.counts[what] += 1
        kept = self.examples.setdefault(what, [])
        if len(kept) < EXAMPLES:
            kept.append(example)


class LogReader(threading.Thread):
    """Reads the log's lines as they come, and sums them; judges each close by its client."""

    def __init__(self, lines: IO[str], ledger: Ledger, faults: Faults) -> None:
        super().__init__(name="log reader", daemon=True)
        self._lines = lines
        self._ledger = ledger
        self._faults = faults
        self._open: dict[int, str] = {}
        self.sums: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.notices: Counter[str] = Counter()
        self.clean_ends = 0
        self.lines = 0
        self.metrics_url = ""
        self.stopped: dict[str, Any] = {}

    @property
    def open(self) -> int:
        """Connections that the log has opened and not closed."""
        return len(self._open)

    def run(self) -> None:
        """Read to the end."""
        for line in self._lines:
            self.lines += 1
            try:
                event = json.loads(line)
            except ValueError:
                self._faults.add("a log line is no JSON", line[:100])
                continue
            match event["event"]:
                case "opened":
                    self._opened(event)
                case "closed":
                    self._closed(event)
                case "notice":
                    self._noticed(event)
                case "stopped":
                    self.stopped = event

    def _opened(self, event: dict[str, Any]) -> None:
        if event["id"] in self._open:
            self._faults.add("opened twice", f"#{event['id']}")
        self._open[event["id"]] = event["peer"]
        self.sums["opened"] += 1

    def _noticed(self, event: dict[str, Any]) -> None:
        text = event["text"]
        if text.startswith("metrics on "):
            self.metrics_url = text.removeprefix("metrics on ")
        if event["level"] in {"warning", "error"}:
            self.notices[re.sub(r"\d[\d,.]*", "N", text)[:90]] += 1
        if event["level"] == "error":
            self._faults.add("a notice of an error", text[:150])

    def _closed(self, event: dict[str, Any]) -> None:
        reason, peer = event["reason"], event["peer"]
        if self._open.pop(event["id"], None) != peer:
            self._faults.add("closed without opened", f"#{event['id']} {peer}")
        self.sums["closed"] += 1
        self.reasons[reason] += 1
        for name in ("frames_in", "frames_out", "bytes_in", "bytes_out"):
            self.sums[name] += event[name]
        kind = self._ledger.kinds.get(peer, "")
        if not kind and event["frames_in"] == 0:
            return  # somebody else's, such as a probe
        if reason not in EXPECTED.get(kind, set()):
            self._faults.add(f"{kind or 'unknown'} ended as {reason}", f"{peer} {event['detail']}")


class Sample:
    """Descriptors, threads and memory of the server's processes, added up."""

    def __init__(self, pid: int) -> None:
        root = psutil.Process(pid)
        self.processes = self.fds = self.threads = self.rss = 0
        for process in [root, *root.children(recursive=True)]:
            with process.oneshot():
                self.processes += 1
                self.fds += process.num_fds()
                self.threads += process.num_threads()
                self.rss += process.memory_info().rss


class Scraper:
    """Reads the metrics page, and sees counters that fall."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._latest: dict[str, float] = {}
        self.scrapes = 0

    def scrape(self, url: str) -> dict[str, float]:
        """Return the samples by name and labels; raises OSError."""
        with urllib.request.urlopen(url, timeout=10) as answer:
            text = answer.read().decode()
        samples: dict[str, float] = {}
        counters = set(re.findall(r"^# TYPE (\S+) counter$", text, re.MULTILINE))
        for name, labels, value in re.findall(r"^(\w+)(\{.*?\})? (\S+)$", text, re.MULTILINE):
            samples[name + labels] = float(value)
            if name in counters and float(value) < self._latest.get(name + labels, 0.0):
                self._faults.add("a counter fell", f"{name}{labels}")
        self._latest = samples
        self.scrapes += 1
        return samples


def kept_bytes(recording: Path) -> int:
    """Return the size of a recording's segments together."""
    return sum(part.stat().st_size for part in recording.parent.glob(recording.name + "*"))
