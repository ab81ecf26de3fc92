"""The panel under the header with a line for each worker process; hidden without workers."""

from __future__ import annotations

from typing import Final

from ..watch.figures import short_count, short_micros, short_rate, short_size
from ..watch.state import State
from ..watch.worker_row import WorkerRow
from . import palette
from .lines_panel import Line, LinesPanel, line_width

LINES_OF_SCREEN: Final = 8
"""The panel takes at most one line of so many lines of the screen."""
_GAP: Final = "   "


class WorkersPanel(LinesPanel):
    """The workers: whether each serves, and how busy it is."""

    DEFAULT_CSS = """
    WorkersPanel { display: none; padding: 0 1; background: $surface; }
    WorkersPanel.some { display: block; }
    .too-small WorkersPanel.some { display: none; }
    """

    def render_state(self, model: State) -> None:
        """Draw the workers, or hide the panel if there are none."""
        screen = self.app.size
        room = max(1, screen.height // LINES_OF_SCREEN)
        lines = _lines(list(model.workers.values()), screen.width - 2, room)
        self.set_class(bool(lines), "some")
        if len(lines) != self.size.height:
            self.styles.height = len(lines)
        self.set_lines(lines)


def _lines(workers: list[WorkerRow], width: int, room: int) -> list[Line]:
    """Draw the workers; if not all fit, those that do not serve come first."""
    if len(workers) <= room:
        return [_line(worker, width) for worker in workers]
    workers = sorted(workers, key=lambda worker: worker.stats.alive and not worker.stats.silent)
    shown, rest = workers[: room - 1], workers[room - 1 :]
    frames = short_rate(sum(worker.frames for worker in rest))
    opened = short_count(sum(worker.stats.open for worker in rest))
    more: Line = [(f"and {len(rest)} more: {opened} open, {frames} frames/s", palette.DIM)]
    return [*(_line(worker, width) for worker in shown), more]


def _line(worker: WorkerRow, width: int) -> Line:
    stats = worker.stats
    line: Line = [(f"worker {stats.worker:<3}", palette.LABEL)]
    if not stats.alive:
        line.append(("✕ is down", palette.ERROR))
    elif stats.silent:
        line.append(("◌ hangs  ", palette.WARNING))
    else:
        line.append(("● serves ", palette.GOOD))
    facts = (
        ("open", short_count(stats.open), 7),
        ("frames/s", short_rate(worker.frames), 7),
        ("cpu", f"{worker.cpu_share:.0%}", 4),
        ("longest", short_micros(stats.longest_us), 7),
        ("memory", short_size(stats.rss), 5),
        ("pid", str(stats.pid), 7),
        ("restarts", str(stats.restarts), 3),
    )
    for label, value, cells in facts:
        style = palette.WARNING if label == "restarts" and stats.restarts else palette.PLAIN
        piece: Line = [(f"{_GAP}{label} ", palette.LABEL), (value.ljust(cells), style)]
        if line_width(line) + line_width(piece) > width:
            break
        line += piece
    return line
