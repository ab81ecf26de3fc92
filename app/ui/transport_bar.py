"""The transport bar of a replay: its time, its speed, a line to click on, the keys."""

from __future__ import annotations

from typing import Final

from textual import events
from textual.message import Message

from ..watch.figures import clock, stamp, words_span
from . import palette
from .lines_panel import Line, LinesPanel, line_width, pad
from .replay_source import ReplaySource

KEYS: Final = (
    ("p", "play"),
    (", .", "event"),
    ("' ;", "of this one"),
    ("( )", "10 s"),
    ("[ ]", "speed"),
    ("d D", "close"),
    ("i I", "POLLOUT"),
    ("n N", "error"),
    ("{ }", "ends"),
    (":", "time"),
)
"""The keys of the transport, with a word for each."""
_SHORTEST: Final = 8
"""Least length of the line in cells; in less room it is left out."""


class TransportBar(LinesPanel):
    """Two lines under the dashboard of a replay: the position in the recording, and the keys."""

    class Clicked(Message):
        """A click on the line, at `share` of the recording (0 to 1)."""

        def __init__(self, share: float) -> None:
            super().__init__()
            self.share = share

    def __init__(self) -> None:
        super().__init__(id="transport")
        self._line = range(0)
        """The columns of the line."""

    def render_position(self, source: ReplaySource) -> None:
        """Draw the position of the replay."""
        self.set_lines([self._position(source), _keys(self.size.width)])

    def on_click(self, event: events.Click) -> None:
        """Post `Clicked` if the click was on the line."""
        offset = event.get_content_offset(self)
        if offset is not None and offset.y == 0 and offset.x in self._line:
            self.post_message(self.Clicked((offset.x - self._line.start) / (len(self._line) - 1)))

    def _position(self, source: ReplaySource) -> Line:
        now, start, end = source.position(), source.start, source.end
        wall_times = source.recording.wall_times
        behind = wall_times.behind_at(now)
        back = f"clock set back {words_span(behind)} " if behind else ""
        state = f"▶ {source.speed:g}x" if source.playing else "‖ paused"
        left: Line = [
            (f" {state:<8} ", palette.GOOD if source.playing else palette.ALARM),
            (f" {stamp(wall_times.wall_at(now))} ", palette.STRONG),
            (back, palette.ALARM),
        ]
        right: Line = [
            (f" {span(now - start)}", palette.STRONG),
            (f" of {span(end - start)} to {clock(wall_times.wall_at(end))} ", palette.DIM),
        ]
        width = self.size.width - line_width(left) - line_width(right)
        if width < _SHORTEST:
            self._line = range(0)
            return pad([*left, *right], self.size.width, palette.PLAIN)
        self._line = range(line_width(left), line_width(left) + width)
        share = (now - start) / (end - start) if end > start else 1.0
        done = round(share * (width - 1))
        return [
            *left,
            ("━" * done, palette.ACCENT),
            ("●", palette.STRONG),
            ("─" * (width - 1 - done), palette.FAINT),
            *right,
        ]


def _keys(width: int) -> Line:
    line: Line = []
    for key, word in KEYS:
        piece: Line = [(f" {key} ", palette.ACCENT), (f"{word} ", palette.DIM)]
        if line_width(line) + line_width(piece) <= width:
            line += piece
    return line


def span(seconds: float) -> str:
    """Write a duration: ``1:02:03``, ``2:03``."""
    minutes, seconds = divmod(int(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
