"""The loads that every server is measured under, by name."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SELECT_LIMIT = 1024
"""Descriptors that select() can hold, whatever the process may open."""


class Kind(Enum):
    """The kind of a scenario, which decides the figure that ranks the servers."""

    ECHO = "frames/s"
    CHURN = "connections/s"
    MEMORY = "bytes per idle connection"
    START = "seconds to listening"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A load: `connections` busy ones with `depth` frames of `size` bytes in flight on each."""

    name: str
    title: str
    connections: int = 0
    depth: int = 1
    size: int = 64  # bytes of a body
    vary: int = 0  # bytes by which every other body is shorter, and the next one longer
    idle: int = 0  # connections that have sent one frame and stay silent
    slow: int = 0  # connections that send without pause and read 1 MB/s
    kind: Kind = Kind.ECHO
    one_core: bool = False  # server and load share one, as chance would have it else
    against: str = ""  # the scenario that its figures are a ratio of, in the same round

    @property
    def total(self) -> int:
        """Connections open at once."""
        return self.connections + self.idle + self.slow

    @property
    def can_repeat(self) -> bool:
        """Whether a server that has been measured can be measured again: not its start, nor the
        memory of its first connections."""
        return self.kind in (Kind.ECHO, Kind.CHURN)

    def load_arguments(self, seconds: float) -> list[str]:
        """The load generator's arguments after HOST and PORT."""
        arguments = ["--connections", str(self.connections), "--depth", str(self.depth)]
        arguments += ["--size", str(self.size), "--vary", str(self.vary)]
        arguments += ["--idle", str(self.idle), "--slow", str(self.slow)]
        arguments += ["--seconds", str(seconds)]
        return [*arguments, "--churn"] if self.kind is Kind.CHURN else arguments


SCENARIOS = (
    # On two cores a round trip is 64 µs (each side wakes the other's idle core), on one it is
    # 7 µs; left alone, the scheduler takes now the one and now the other.
    Scenario("ping-1", "1 connection x 64 B, ping-pong on one core", 1, one_core=True),
    Scenario("ping-64", "64 connections x 64 B, ping-pong", 64),
    Scenario("pipeline", "64 connections x 16 frames of 64 B, pipelined", 64, depth=16),
    Scenario("mixed", "the same with 56 and 72 B in turn", 64, depth=16, vary=8),
    Scenario("16k", "16 connections x 16 KiB", 16, size=16 * 1024),
    Scenario("100k", "8 connections x 100 kB", 8, size=100_000),
    Scenario("1m", "4 connections x 1 MB", 4, size=1_000_000),
    Scenario("busy-100", "100 connections x 64 B, ping-pong", 100),
    Scenario("idle-800", "100 busy among 800 idle", 100, idle=800, against="busy-100"),
    Scenario("idle-10k", "100 busy among 10,000 idle", 100, idle=10_000, against="busy-100"),
    Scenario("slow", "64 x 64 B pings beside 4 slow readers", 64, slow=4, against="ping-64"),
    Scenario("churn", "64 at a time: connect, one echo, close", 64, kind=Kind.CHURN),
    Scenario("memory", "memory at 10,000 idle connections", idle=10_000, kind=Kind.MEMORY),
    Scenario("start", "start, from the command to listening", kind=Kind.START),
)


def in_one_round(chosen: list[Scenario]) -> list[list[Scenario]]:
    """Group what is compared with each other, so that each round of a group runs all of it."""
    groups: dict[str, list[Scenario]] = {}
    for scenario in sorted(chosen, key=SCENARIOS.index):
        groups.setdefault(scenario.against or scenario.name, []).append(scenario)
    return list(groups.values())
