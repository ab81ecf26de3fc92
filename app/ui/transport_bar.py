"""The transport bar of a replay: its time, its speed, a line to click on, the keys."""

from __future__ import annotations

from typing import Final

from textual import events
from textual.message import Message

from ..watch.figures import clock, stamp, words_span
from . import palette
from .actions import Keys, signs
from .lines_panel import Line, LinesPanel, line_width, pad
from .replay_source import ReplaySource

_WORDS: Final = (
    (("replay_play",), "play"),
    (("replay_event_back", "replay_event_on"), "event"),
    (("replay_own_back", "replay_own_on"), "of this one"),
    (("replay_back", "replay_on"), "10 s"),
    (("replay_slower", "replay_faster"), "speed"),
    (("replay_close", "replay_close_back"), "close"),
    (("replay_toggle", "replay_toggle_back"), "POLLOUT"),
    (("replay_error", "replay_error_back"), "error"),
    (("replay_start", "replay_end"), "ends"),
    (("replay_moment",), "time"),
)
"""The actions of the transport, with a word for those of each kind."""
_SHORTEST: Final = 8
"""Least length of the line in cells; in less room it is left out."""


class TransportBar(LinesPanel):
    """Two lines under the dashboard of a replay: the position in the recording, and the keys."""

    class Clicked(Message):
        """A click on the line, at `share` of the recording (0 to 1)."""

        def __init__(self, share: float) -> None:
            super().__init__()
            self.share = share

    def __init__(self, keys: Keys) -> None:
        super().__init__(id="transport")
        self._its_keys = keys
        self._line = range(0)
        """The columns of the line."""

    def render_position(self, source: ReplaySource) -> None:
        """Draw the position of the replay."""
        self.set_lines([self._position(source), _key_line(self._its_keys, self.size.width)])

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


def _key_line(keys: Keys, width: int) -> Line:
    line: Line = []
    for names, word in _WORDS:
        its_keys = " ".join(signs(keys, name) for name in names)
        piece: Line = [(f" {its_keys} ", palette.ACCENT), (f"{word} ", palette.DIM)]
        if line_width(line) + line_width(piece) <= width:
            line += piece
    return line


def span(seconds: float) -> str:
    """Write a duration: ``1:02:03``, ``2:03``."""
    minutes, seconds = divmod(int(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
