"""The results as text for a terminal and as Markdown for a README: the same cells, two frames."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.scenarios import Kind, Scenario
from benchmarks.summary import Results, Row

Cells = list[str]


def columns(scenario: Scenario, against: str) -> Cells:
    """The head of a scenario's table."""
    compared = f"vs {against}"
    if scenario.kind is Kind.START:
        return ["server", "seconds", compared]
    if scenario.kind is Kind.MEMORY:
        return ["server", "B/connection", compared]
    head = ["server", scenario.kind.value, "MB/s", "p50 µs", "p99 µs", "p99.9 µs"]
    head += ["CPU µs/frame", "server busy", "load busy", compared, "CPU vs"]
    return [*head, f"vs {scenario.against}"] if scenario.against else head


def cells(scenario: Scenario, row: Row) -> Cells:
    """One server's line."""
    one = row.typical
    if row.skipped:
        return [row.server, row.skipped]
    if scenario.kind is Kind.START:
        return [row.server, f"{one.started_s:.3f}", times(row.ratio)]
    if scenario.kind is Kind.MEMORY:
        return [row.server, f"{one.memory_per_connection:,.0f}", times(row.ratio)]
    line = [row.server, f"{one.frames_per_s:,.0f}", f"{one.megabytes_per_s:,.1f}"]
    line += [f"{value:,.0f}" for value in (one.p50_us, one.p99_us, one.p999_us)]
    line += [f"{one.server_us_per_frame:,.2f}", f"{one.server_busy:.0%}", f"{one.load_busy:.0%}"]
    line += [times(row.ratio), times(row.cpu_ratio)]
    return [*line, times(row.alone)] if scenario.against else line


def times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def as_text(scenario: Scenario, results: Results, servers: list[str]) -> str:
    """A table of aligned columns; a server that did not run has its reason instead."""
    head = columns(scenario, results.against)
    lines = [cells(scenario, row) for row in results.rows(scenario, servers)]
    measured = [head, *(line for line in lines if len(line) == len(head))]
    widths = [max(len(line[i]) for line in measured) for i in range(len(head))]
    widths[0] = max(len(line[0]) for line in [head, *lines])

    def aligned(line: Cells) -> str:
        first = line[0].ljust(widths[0])
        if len(line) != len(head):
            return f"{first}  not measured: {line[1]}"
        rest = (cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))
        return "  ".join((first, *rest))

    return "\n".join((scenario.title, *(f"  {aligned(line)}" for line in [head, *lines])))


def as_markdown(
    scenarios: Sequence[Scenario], results: Results, servers: list[str], facts: dict[str, str]
) -> str:
    """All tables, with the machine and the versions below them."""
    parts: Cells = []
    for scenario in scenarios:
        head = columns(scenario, results.against)
        parts += [f"### {scenario.title}", "", *markdown_row(head)]
        parts.append("| --- |" + " ---: |" * (len(head) - 1))
        missing: Cells = []
        for row in results.rows(scenario, servers):
            if row.skipped:
                missing.append(f"{row.server} ({row.skipped})")
            else:
                parts += markdown_row(cells(scenario, row))
        parts += ["", *(["Not measured: " + "; ".join(missing) + ".", ""] if missing else [])]
    parts.append(" · ".join(f"{name} {value}" for name, value in facts.items()))
    return "\n".join(parts) + "\n"


def markdown_row(line: Cells) -> Cells:
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"]
