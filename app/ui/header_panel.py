"""The header: the server's address, its settings and its current figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from rich.style import Style

from ..core.events import Listening
from ..core.settings import format_size
from ..watch.beats import MEMORY, rate_over_beats
from ..watch.figures import short_count, short_micros, short_rate, short_size, sparkline, uptime
from ..watch.journal import address, addresses
from ..watch.screen_state import Rates, ScreenState
from . import palette
from .lines_panel import Line, LinesPanel, line_width, pad

LINES_OF_SCREEN: Final = 8
"""The listeners take at most one line of so many lines of the screen."""
_GAP: Final = 2
_SPARK: Final = 12
"""Width of a sparkline in cells; each cell is one second."""


class _Card(NamedTuple):
    """One figure: a label over a value, with its values in the last seconds."""

    label: str
    value: str
    style: Style = palette.STRONG
    history: tuple[float, ...] | None = None
    width: int = 7
    keep: int = 1
    """Priority: the card with the lowest one is left out first when there is no room."""


class HeaderPanel(LinesPanel):
    """The three lines at the top of the dashboard, and one for each of several listeners."""

    def render_state(
        self, model: ScreenState, now: float, mode: str, mode_style: Style, note: str = ""
    ) -> None:
        """Draw the figures at the time `now` (Unix seconds).

        `mode` is a word such as ``LIVE``; the `note` stands dimmed in front of it.
        """
        width = self.size.width
        room = max(1, self.app.size.height // LINES_OF_SCREEN)
        lines = [_server(model, now, width, mode, mode_style, note), *_listeners(model, room)]
        lines += _figures(model, width)
        if len(lines) != self.size.height:
            self.styles.height = len(lines)
        self.set_lines(lines)


def _server(
    model: ScreenState, now: float, width: int, mode: str, mode_style: Style, note: str
) -> Line:
    right: Line = [*([(f" {note} ", palette.DIM)] if note else []), (f" {mode} ", mode_style)]
    line: Line = [("◉ echo-tui ", palette.BRAND)]
    listening = model.listening
    if listening is None:
        line.append((" waiting for the server", palette.DIM))
    else:
        line.append((f" {address(listening)}", palette.STRONG))
        for label, value in _facts(model, listening, now):
            piece: Line = [(f"   {label} ", palette.LABEL), (value, palette.PLAIN)]
            if line_width(line) + line_width(piece) + line_width(right) + 2 <= width:
                line += piece
    return [*pad(line, width - line_width(right), palette.PLAIN), *right]


def _facts(model: ScreenState, listening: Listening, now: float) -> list[tuple[str, str]]:
    return [
        ("CAP", format_size(model.cap) if model.cap is not None else "?"),
        ("up", uptime(now - listening.t)),
        ("poller", listening.poller),
        ("writes", str(model.settings.get("write_mode", listening.write_mode))),
        ("pid", str(listening.pid)),
        *([("workers", str(listening.workers))] if listening.workers else []),
    ]


def header_figures(model: ScreenState, now: float) -> dict[str, str]:
    """Return each figure of the header by its label, also those that this width leaves out."""
    listening = model.listening
    figures: dict[str, str] = {}
    if listening is not None:
        figures = {"address": addresses(listening), **dict(_facts(model, listening, now))}
    if len(model.listeners) > 1:
        counts = [(str(one), f"{accepts:,}") for one, accepts in model.listeners]
        figures["listener"] = ", ".join(one for one, _ in counts)
        figures["accepted"] = ", ".join(f"{one}: {accepts}" for one, accepts in counts)
    return figures | {card.label: card.value for card in _cards(model)}


def _listeners(model: ScreenState, room: int) -> list[Line]:
    """Draw a line for each listener if there are several; those without room are summed up."""
    listeners = model.listeners
    if len(listeners) < 2:
        return []
    shown = listeners if len(listeners) <= room else listeners[: room - 1]
    rest = listeners[len(shown) :]
    column = max((len(str(address)) for address, _ in shown), default=0)
    lines: list[Line] = [
        [
            ("listener ", palette.LABEL),
            (str(address).ljust(column), palette.STRONG),
            ("   accepted ", palette.LABEL),
            (f"{accepts:,}", palette.PLAIN),
        ]
        for address, accepts in shown
    ]
    if rest:
        total = sum(accepts for _, accepts in rest)
        lines.append([(f"and {len(rest)} more listeners: {total:,} accepted", palette.DIM)])
    return lines


def _figures(model: ScreenState, width: int) -> tuple[Line, Line]:
    cards = _cards(model)
    spark = _SPARK
    while _room(cards, spark) > width and spark:
        spark = spark - 4 if spark > 4 else 0
    while _room(cards, spark) > width:
        cards.remove(min(cards, key=lambda card: card.keep))
    labels: Line = []
    values: Line = []
    for card in cards:
        cells = card.width + (spark + 1 if card.history is not None and spark else 0)
        labels += [(card.label.ljust(cells), palette.LABEL), (" " * _GAP, palette.PLAIN)]
        values.append((card.value.ljust(card.width), card.style))
        if card.history is not None and spark:
            values.append((" " + sparkline(card.history, spark), palette.ACCENT))
        values.append((" " * _GAP, palette.PLAIN))
    return labels, values


def _room(cards: list[_Card], spark: int) -> int:
    sparks = sum(card.history is not None for card in cards) * (spark + 1 if spark else 0)
    return sum(card.width for card in cards) + sparks + _GAP * (len(cards) - 1)


def _cards(model: ScreenState) -> list[_Card]:
    rates, process, stats = model.rates, model.process, model.stats
    recent = tuple(model.history)[-MEMORY:]
    history = recent[-_SPARK:]
    armed = 0 if stats is None else stats.armed

    def over_time(
        label: str,
        value: Callable[[Rates], float],
        words: Callable[[float], str],
        width: int,
        keep: int,
    ) -> _Card:
        told = [(each.t, value(each)) for each in recent]
        now = words(rate_over_beats(told)) if told else "-"
        return _Card(label, now, history=tuple(map(value, history)), width=width, keep=keep)

    # Of one who came later, the model has seen only those that opened since.
    opened = max(model.opened, 0 if stats is None else stats.opened)
    return [
        _Card("open", f"{model.open:,}", width=6, keep=9),
        _Card("POLLOUT", f"{armed:,} on", palette.WARNING if armed else palette.DIM, keep=6),
        over_time("frames/s", lambda rates: rates.frames, short_rate, 8, keep=8),
        over_time("in B/s", lambda rates: rates.bytes_in, short_size, 6, keep=7),
        over_time("out B/s", lambda rates: rates.bytes_out, short_size, 7, keep=7),
        _Card("loop", "-" if rates is None else f"{rates.loop_share:.0%}", width=5, keep=3),
        _Card("longest", "-" if stats is None else short_micros(model.longest_us), keep=2),
        _Card("cpu", "-" if process is None else f"{process.cpu_percent:.0f}%", width=5, keep=5),
        _Card("memory", "-" if process is None else short_size(process.rss), width=6, keep=4),
        _Card("opened", short_count(opened), keep=1),
        _Card(
            "drops",
            short_count(model.drops),
            palette.ERROR if model.drops else palette.DIM,
            width=6,
            keep=6,
        ),
    ]
