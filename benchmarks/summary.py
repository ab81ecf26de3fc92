"""Medians of the rounds, and medians of the ratios of runs of the same round."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from statistics import median

from benchmarks.measuring import Measurement
from benchmarks.scenarios import Kind, Scenario

Rounds = list[Measurement]


@dataclass(frozen=True, slots=True)
class Row:
    """One server in one scenario. A ratio is None where there is nothing to compare with."""

    server: str
    typical: Measurement  # each figure the median of its rounds
    ratio: float | None  # figure ÷ that of the server compared with
    cpu_ratio: float | None  # CPU per frame ÷ that of the server compared with
    alone: float | None  # figure ÷ the same server's in the scenario's `against`
    skipped: str = ""


@dataclass(slots=True)
class Results:
    """All measurements of a run, by scenario and server, in the order of the rounds."""

    against: str
    rounds: dict[tuple[str, str], Rounds]
    skipped: dict[tuple[str, str], str]

    def ratio(
        self, scenario: str, server: str, base: str, figure: Callable[[Measurement], float]
    ) -> float | None:
        """The median of the rounds' ratios of a figure of two servers in one scenario."""
        mine, theirs = self.rounds.get((scenario, server)), self.rounds.get((scenario, base))
        return paired(mine, theirs, figure) if mine and theirs else None

    def rows(self, scenario: Scenario, servers: list[str]) -> list[Row]:
        """The table of a scenario."""
        return [self.row(scenario, server) for server in servers]

    def row(self, scenario: Scenario, server: str) -> Row:
        key = (scenario.name, server)
        mine = self.rounds.get(key, [])
        failure = next((one.failure for one in mine if one.failure), "")
        skipped = self.skipped.get(key, failure)
        if skipped or not mine:
            return Row(server, Measurement(), None, None, None, skipped or "did not run")
        theirs = self.rounds.get((scenario.name, self.against), [])
        alone = self.rounds.get((scenario.against, server), [])

        def figure(one: Measurement) -> float:
            return one.figure(scenario.kind)

        return Row(
            server,
            typical(mine),
            paired(mine, theirs, figure),
            None if scenario.kind is Kind.START else paired(mine, theirs, cpu_per_frame),
            paired(mine, alone, figure),
        )


def cpu_per_frame(one: Measurement) -> float:
    return one.server_us_per_frame


def paired(mine: Rounds, theirs: Rounds, figure: Callable[[Measurement], float]) -> float | None:
    """The median of the rounds' ratios: what slowed a whole round cancels out."""
    pairs = [(figure(a), figure(b)) for a, b in zip(mine, theirs, strict=False) if not b.failure]
    ratios = [a / b for a, b in pairs if b > 0]
    return median(ratios) if ratios else None


def typical(rounds: Rounds) -> Measurement:
    """A measurement whose every figure is the median of the rounds'."""
    names = [field.name for field in fields(Measurement) if field.name != "failure"]
    return Measurement(**{name: median(getattr(one, name) for one in rounds) for name in names})
