"""The README's part about speed, written into it by the run that measured it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.measuring import Measurement
from benchmarks.scenarios import SCENARIOS
from benchmarks.summary import Results, cpu_per_frame, typical
from benchmarks.tables import markdown_row, times

BEGIN, END = "<!-- speed: `python -m benchmarks --readme` -->", "<!-- end of speed -->"
OURS, UVLOOP, NATIVE, BARE = "echo-tui", "uvloop-protocol", "c-epoll", "python-bare"
TIMES = "\N{MULTIPLICATION SIGN}"
COMPARED = ("ping-64", "pipeline", "mixed", "100k", "1m")
"""The scenarios of the first table."""
WATCHED = {
    "somebody watches its events, against a loop that makes none": (
        "echo-tui-watched",
        "echo-tui-no-events",
    ),
    "recording": ("echo-tui-recording", OURS),
    "a dashboard attached": ("echo-tui-attached", OURS),
    "with its dashboard, `--workers 1`": ("echo-tui-dashboard-worker", OURS),
    "with its dashboard": ("echo-tui-dashboard", OURS),
}
"""The lines of the second table: who is compared with whom."""


def has_marks(readme: Path) -> bool:
    """Whether the file has the two lines between which the tables are written."""
    return readme.is_file() and 0 <= (text := readme.read_text()).find(BEGIN) < text.find(END)


def put_into(readme: Path, results: Results, facts: dict[str, str], rounds: int) -> None:
    """Replace what stands between the two marks."""
    before, _, rest = readme.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    readme.write_text(f"{before}{BEGIN}\n{as_readme(results, facts, rounds)}{END}{after}")


def as_readme(results: Results, facts: dict[str, str], rounds: int) -> str:
    """Two tables, and what the figures depend on."""
    head = [f"medians of {rounds} paired rounds", "frames/s", "against uvloop", "against C"]
    head += ["C against uvloop", "CPU a frame against uvloop"]
    lines = [*markdown_row(head), "| --- |" + " ---: |" * (len(head) - 1)]
    for scenario in SCENARIOS:
        if scenario.name in COMPARED and (scenario.name, OURS) in results.rounds:
            title = scenario.title.replace(" x ", f" {TIMES} ")
            frames = typical(results.rounds[scenario.name, OURS]).frames_per_s
            pairs = ((OURS, UVLOOP), (OURS, NATIVE), (NATIVE, UVLOOP))
            cells = [compared(results, scenario.name, *pair) for pair in pairs]
            cells.append(compared(results, scenario.name, OURS, UVLOOP, cpu_per_frame))
            lines += markdown_row([title, f"{frames:,.0f}", *cells])
    bare = [compared(results, name, BARE, UVLOOP) for name in COMPARED[:2]]
    lines += [
        "",
        f"A Python loop that reads and writes and does nothing else reaches {bare[0]} times",
    ]
    lines += [f"uvloop's rate in the first line and {bare[1]} times in the second.", ""]
    head = [f"64 connections {TIMES} 64 B, against the same server headless", "frames/s", "p99"]
    lines += [*markdown_row(head), "| --- | ---: | ---: |"]
    for label, pair in WATCHED.items():
        ratio = compared(results, "ping-64", *pair)
        p99 = compared(results, "ping-64", *pair, lambda one: one.p99_us)
        lines += markdown_row([label, ratio, p99])
    lines += ["", " · ".join(f"{name} {value}" for name, value in facts.items()), ""]
    return "\n".join(lines)


def frames_per_second(one: Measurement) -> float:
    return one.frames_per_s


def compared(
    results: Results,
    scenario: str,
    server: str,
    base: str,
    figure: Callable[[Measurement], float] = frames_per_second,
) -> str:
    """The median of the ratios of one server's figure to another's, as a table has it."""
    return times(results.ratio(scenario, server, base, figure)) or "-"
