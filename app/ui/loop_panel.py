"""The pane of the loop: what its time is spent on, and its last iterations, call by call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..core.events import ConnectionState
from ..core.iteration import Iteration, Served
from ..watch.loop_words import (
    NO_PROGRESS,
    calls_words,
    interest_words,
    is_idle_wakeup,
    iteration_words,
    longest_words,
    served_words,
)
from ..watch.row import Row
from ..watch.screen_state import Rates, ScreenState
from . import palette
from .lines_panel import Line, LinesPanel, clip, flow
from .step_lines import step_lines

_BAR: Final = 8
"""Cells of a bar of microseconds."""
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_WIDE: Final = 120
"""Cells from which on bars and the names of states are drawn."""
_WHO: Final = 16
_WOKEN: Final = 17
"""Cells of revents and interest, as in ``IN|HUP of IN``."""
_SHARES: Final = ("asleep", "in the poll", "serving", "telling")
_NOTHING: Final = (
    "none is told: a loop tells its iterations while somebody looks, a recording those that came"
    " since its last keyframe"
)
_COSTS: Final = "looked at, each call is noted and timed: a loop without time to spare is slower"
_STEPPED: Final = (
    "stepped, none is on the quick path: a read asks for 65,536 or more; else for its last frame's"
)


class LoopPanel(LinesPanel):
    """The loop's last iterations; instead of the selected connection."""

    def render_state(self, model: ScreenState, row: Row | None = None) -> None:
        """Draw what has come since the last time; `row` is the selected connection."""
        last = model.iterations[-1].number if model.iterations else 0
        step = model.steps[-1].number if model.steps else 0
        if model.held is not None:
            row = model.rows.get(model.held.id, row)
        kernel = None if row is None else row.kernel
        rates = None if model.rates is None else model.rates.t
        if self.is_new(id(model), last, rates, step, model.held, kernel):
            width, height = self.size
            steps: list[Line] = []
            if model.listening is not None and model.listening.step:
                steps = list(step_lines(model, row, width))
            cost = _STEPPED if steps else _COSTS
            self.set_lines([*steps, *loop_lines(model, width, height - len(steps), cost)])


def loop_lines(model: ScreenState, width: int, height: int, cost: str = _COSTS) -> Iterator[Line]:
    """Draw the shares of time, the calls of a frame, the longest iteration, and the last ones."""
    head = [*_shares(model.rates), *_calls(model.rates)]
    longest = model.longest_iteration
    if longest is not None:
        head += flow([("longest ", palette.LABEL), (longest_words(longest), palette.PLAIN)], width)
    head += flow([(cost, palette.FAINT)], width)
    yield from head
    room = height - len(head)
    if not model.iterations:
        yield from flow([(_NOTHING, palette.DIM)], width)
        return
    for iteration in reversed(model.iterations):
        lines = list(_iteration_lines(iteration, width))
        yield from lines[: max(0, room)]
        room -= len(lines)
        if room <= 0:
            return


def _shares(rates: Rates | None) -> Iterator[Line]:
    line: Line = [("iterations/s ", palette.LABEL)]
    line.append(("-" if rates is None else f"{rates.polls:,.0f}", palette.STRONG))
    shares = None if rates is None else rates.shares
    for number, name in enumerate(_SHARES):
        told = "-" if shares is None else f"{shares[number]:.0%}"
        line += [(f"   {name} ", palette.LABEL), (told, palette.STRONG)]
    yield line


def _calls(rates: Rates | None) -> Iterator[Line]:
    line: Line = [("calls a frame ", palette.LABEL)]
    if rates is None or not rates.frames:
        yield [*line, ("- ", palette.STRONG), (" no frame is echoed", palette.DIM)]
        return
    for name, made in rates.calls.items():
        line += [(f" {name} ", palette.LABEL), (f"{made / rates.frames:.2f}", palette.STRONG)]
    yield line


def _iteration_lines(iteration: Iteration, width: int) -> Iterator[Line]:
    yield from flow([(iteration_words(iteration), palette.HEADING)], width, 2)
    longest = max((served.us for served in iteration.ready), default=0)
    for served in iteration.ready:
        line = _served_line(served, longest) if width >= _WIDE else _narrow(served)
        yield from flow(line, width, 6)
    if iteration.left_out:
        yield [(f"  and {iteration.left_out:,} more", palette.DIM)]


def _served_line(served: Served, longest: int) -> Line:
    woken, wanted = (
        interest_words(bits).replace("POLL", "") for bits in (served.revents, served.interest)
    )
    woken = f"{woken} of {wanted}" if served.revents else f"- of {wanted}"
    line: Line = [
        ("  " + clip(served_words(served), _WHO).ljust(_WHO), palette.PLAIN),
        (clip(woken, _WOKEN).ljust(_WOKEN), palette.INFO),
        (_bar(served.us, longest), palette.ACCENT),
        (f"{served.us:>7,} µs  ", palette.STRONG),
        (calls_words(served.calls) or "no call", palette.PLAIN),
    ]
    if is_idle_wakeup(served):
        line.append((f"  {NO_PROGRESS}", palette.WARNING))
    for number, name in enumerate(served.states):
        state = ConnectionState(name)
        line.append((" → " if number else "  ", palette.FAINT))
        line.append((palette.state_label(state), palette.STATES[state]))
    return line


def served_pieces(served: Served) -> Line:
    """Return who was served, how long, what woke it, the calls, and the states as glyphs."""
    woken = interest_words(served.revents).replace("POLL", "") if served.revents else "-"
    line: Line = [
        (served_words(served), palette.PLAIN),
        (f"{served.us:,} µs", palette.STRONG),
        (woken, palette.INFO),
        (calls_words(served.calls) or "no call", palette.PLAIN),
    ]
    if is_idle_wakeup(served):
        line.append((NO_PROGRESS, palette.WARNING))
    glyphs = [palette.state_label(ConnectionState(name)).split()[0] for name in served.states]
    if glyphs:
        line.append(("→".join(glyphs), palette.STATES[ConnectionState(served.states[-1])]))
    return line


def _narrow(served: Served) -> Line:
    """Draw one that was served without its bar and its interest, and of states the glyphs."""
    return [(f"  {text}", style) for text, style in served_pieces(served)]


def _bar(us: int, longest: int) -> str:
    eighths = round(us / longest * _BAR * 8) if longest else 0
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + _EIGHTHS[rest]).strip().ljust(_BAR)
