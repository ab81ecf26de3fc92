"""The ratios as an SVG of bars, one group a scenario, for a README."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from benchmarks.scenarios import Kind, Scenario
from benchmarks.summary import Results, Row

WIDTH, LABELS, VALUES = 860, 200, 60  # pixels: of all, of the names, of the numbers
BAR, GAP, TITLE = 16, 4, 30  # pixels of height
MARGIN = 16
LEFT = MARGIN + LABELS
ROOM = WIDTH - LABELS - VALUES - 2 * MARGIN
"""Pixels of the longest bar."""
FULL = 2.0
"""The ratio that fills the width; a longer bar is cut, and an arrow and its number say so."""

OURS, OTHERS, PAR = "#2f7fd1", "#a9b4c0", "#57606a"
OVER_THE_LINE = "paint-order='stroke' stroke='#ffffff' stroke-width='6'"
FONT = "font-family='system-ui, sans-serif' font-size='12' fill='#24292f'"


def as_svg(scenarios: Sequence[Scenario], results: Results, servers: list[str]) -> str:
    """A bar a server: its frames (or connections) a second over those of the one compared with."""
    parts: list[str] = []
    y = MARGIN
    for scenario in scenarios:
        if scenario.kind not in {Kind.ECHO, Kind.CHURN}:
            continue
        rows = [row for row in results.rows(scenario, servers) if row.ratio is not None]
        if not rows:
            continue
        y += TITLE
        parts.append(text(MARGIN, y - 8, scenario.title, "font-weight='600'"))
        parts.append(par(y, y + len(rows) * (BAR + GAP) - GAP))
        for row in rows:
            parts += bar(row, y)
            y += BAR + GAP
    y += TITLE
    note = (
        f"frames (churn: connections) a second over those of {results.against} (the dashed line), "
        f"median of rounds; a bar with an arrow is cut"
    )
    parts.append(text(MARGIN, y - 8, note))
    size = f"width='{WIDTH}' height='{y + MARGIN}' viewBox='0 0 {WIDTH} {y + MARGIN}'"
    background = "<rect width='100%' height='100%' fill='#ffffff'/>"
    head = f"<svg xmlns='http://www.w3.org/2000/svg' {size}>"
    return "\n".join((head, background, *parts, "</svg>", ""))


def bar(row: Row, y: int) -> list[str]:
    ratio = row.ratio or 0.0
    width = max(1.0, min(ratio, FULL) / FULL * ROOM)
    colour = OURS if row.server.startswith("echo-tui") else OTHERS
    arrow = "" if ratio <= FULL else "→ "
    return [
        text(MARGIN, y + BAR - 4, row.server),
        f"<rect x='{LEFT}' y='{y}' width='{width:.1f}' height='{BAR}' fill='{colour}'/>",
        text(LEFT + width + 6, y + BAR - 4, f"{arrow}{ratio:.2f}", OVER_THE_LINE),
    ]


def par(top: int, bottom: int) -> str:
    """The line that a server reaches which is as good as the one compared with."""
    x = LEFT + ROOM / FULL
    dashes = f"stroke='{PAR}' stroke-dasharray='3 3'"
    return f"<line x1='{x:.1f}' y1='{top}' x2='{x:.1f}' y2='{bottom}' {dashes}/>"


def text(x: float, y: float, content: str, style: str = "") -> str:
    return f"<text x='{x:.1f}' y='{y}' {FONT} {style}>{escape(content)}</text>"
