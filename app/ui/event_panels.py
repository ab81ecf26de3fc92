"""The panels of the newest events: those of the server, those of the selected connection."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import ClassVar, Final

import msgspec
from rich.style import Style
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input

from ..core.events import Event
from ..watch.figures import clock, exact_clock
from ..watch.journal import JournalEntry, entries
from ..watch.row import Row
from ..watch.screen_state import ScreenState
from . import palette
from .field import Field
from .lines_panel import Line, LinesPanel, flow, pad

_INDENT: Final = 9
"""Cells of the time in front of an entry; the lines after its first one are indented by them."""


class EventLog(Vertical):
    """The events of the server, the newest at the bottom, with a field to search in them."""

    HELP = (
        "The events of the server. The arrow keys, PageUp, PageDown, Home and End walk through "
        "them; it stays where it is while new ones come, until End. / searches, n goes on to older "
        "ones, N to newer ones. Enter opens the event whole and explains it, Escape goes back to "
        "the connections."
    )

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._title = ""
        self.show_title("event log")
        self.lines = LogLines()
        self._field = Field(placeholder="text in an event", id="log-search")
        self._field.cursor_blink = False
        self._field.can_focus = False

    def compose(self) -> ComposeResult:
        """Compose the lines, and the field under them."""
        yield self.lines
        yield self._field

    def render_state(self, model: ScreenState) -> None:
        """Draw the entries in view, and in the title how many are below."""
        self.lines.render_state(model)
        self.show_title(self.lines.title)

    def show_title(self, title: str) -> None:
        """Write a title into the border; it may have a text that was typed, which is no markup."""
        if title != self._title:
            self._title = title
            self.border_title = Content(title)

    def open_search(self) -> None:
        """Open the field for a text to search for."""
        self.add_class("searching")
        self._field.value = ""
        self._field.can_focus = True
        self.screen.set_focus(self._field)

    @on(Input.Submitted)
    def search(self, event: Input.Submitted) -> None:
        """Go to the newest entry with the typed text."""
        event.stop()
        self._close_search()
        self.lines.search(event.value)

    def key_escape(self, event: events.Key) -> None:
        """Leave the field without a search."""
        if self.has_class("searching"):
            event.stop()
            self._close_search()

    def _close_search(self) -> None:
        self.remove_class("searching")
        self.lines.focus()
        self._field.can_focus = False


class LogLines(LinesPanel, can_focus=True):
    """The entries of a log, wrapped; while it has the focus one of them is selected."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Older", show=False),
        Binding("down,j", "move(1)", "Newer", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "Page up", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "Page down", show=False),
        Binding("home,g", "first", "Oldest", show=False),
        Binding("end,G", "last", "Newest"),
        Binding("slash", "search", "Search"),
        Binding("n", "find(-1)", "Older match", show=False),
        Binding("N", "find(1)", "Newer match", show=False),
        Binding("enter", "app.help", "Open"),
        Binding("escape", "leave", "Back"),
    ]

    def __init__(self) -> None:
        super().__init__(id="log-lines")
        self._entries: list[JournalEntry] = []
        self._first = 0
        """The number of the oldest entry, counted from the first one that there ever was."""
        self._cursor: int | None = None
        """The number of the selected entry; None is the newest one, whichever that is."""
        self._top = 0
        """The number of the first entry in view, if the newest one is not selected."""
        self._in_view = range(0)
        """The numbers of the entries that are in view as a whole."""
        self._owners: list[int] = []
        """For each line in view the number of its entry."""
        self._text = ""

    @property
    def selected(self) -> JournalEntry | None:
        """The selected entry; None if there is none at all."""
        return self._entries[self._at - self._first] if self._entries else None

    @property
    def title(self) -> str:
        """The title of the panel, with the number of entries below those in view."""
        title = "event log"
        if self._text:
            found = [number for number in self._numbers if self._has_text(number)]
            place = f"{found.index(self._at) + 1} of " if self._at in found else ""
            title += f"  /{self._text}: {place}{len(found):,}"
        below = self._last - self._in_view[-1] if self._cursor is not None and self._in_view else 0
        return f"{title}  ▼ {below:,} below, End" if below > 0 else title

    def render_state(self, model: ScreenState) -> None:
        """Draw the entries in view, if anything has changed."""
        version = model.log_version
        if self.is_new(model, version, self._cursor, self._top, self.has_focus):
            self._entries = list(model.log)
            self._first = version - len(self._entries)
            if self._cursor is not None and self._cursor > self._last:
                self._cursor = None  # the log of an earlier moment: a recording was wound back
            self._draw()

    @property
    def _last(self) -> int:
        return self._first + len(self._entries) - 1

    @property
    def _numbers(self) -> range:
        return range(self._first, self._first + len(self._entries))

    @property
    def _at(self) -> int:
        return self._last if self._cursor is None else self._within(self._cursor)

    def _within(self, number: int) -> int:
        return max(self._first, min(number, self._last))

    def _draw(self) -> None:
        height = self.size.height
        follows = self._cursor is None
        top = self._first_above(self._last) if follows else self._within(self._top)
        lines: list[Line] = []
        owners: list[int] = []
        whole = top
        for number in range(top, self._last + 1):
            drawn = self._drawn(number)
            lines += drawn
            owners += [number] * len(drawn)
            if follows or len(lines) <= height:
                whole = number
            elif len(lines) > height:
                break
        # The newest entry is seen to its end, whatever that costs the first one in view.
        cut = max(0, len(lines) - height) if follows else 0
        self._owners = owners[cut : cut + height]
        self._in_view = range(top, whole + 1)
        self.set_lines(lines[cut : cut + height])

    def _first_above(self, last: int) -> int:
        """The number of the first entry in view if the entry `last` is at the bottom."""
        room = self.size.height
        number = last
        while number >= self._first:
            room -= len(self._drawn(number))
            if room <= 0:
                return number if room == 0 or self._cursor is None or number == last else number + 1
            number -= 1
        return self._first

    def _drawn(self, number: int) -> list[Line]:
        entry = self._entries[number - self._first]
        lines = entry_lines(entry, clock(entry.t), self.size.width)
        if number != self._at or not self.has_focus:
            return lines
        style = palette.SELECTED_WITHOUT_COLOUR if self.app.no_color else palette.SELECTED
        return [_on(style, pad(line, self.size.width, palette.PLAIN)) for line in lines]

    # --- moving ---

    def _go(self, number: int) -> None:
        """Select an entry and bring it into view."""
        if not self._entries:
            return
        number = self._within(number)
        top = self._in_view.start if self._cursor is None else self._top
        if number >= self._last:
            self._cursor = None
        else:
            self._cursor, self._top = number, min(top, number)
            if number not in self._in_view and number > top:
                self._top = self._first_above(number)
        self._redraw()

    def _redraw(self) -> None:
        self._draw()
        if isinstance(self.parent, EventLog):
            self.parent.show_title(self.title)

    def action_move(self, step: int) -> None:
        """Select the entry before, or the next one."""
        self._go(self._at + step)

    def action_page(self, step: int) -> None:
        """Move by as many entries as are in view."""
        if not self._entries or not self._in_view:
            return
        if step > 0:
            self._go(self._in_view[-1] + max(1, len(self._in_view) - 1))
            return
        self._cursor = self._in_view.start  # so that the newest one is no longer followed
        self._top = self._cursor = self._first_above(self._cursor)
        self._redraw()

    def action_first(self) -> None:
        """Select the oldest entry."""
        self._go(self._first)

    def action_last(self) -> None:
        """Select the newest entry, and follow those that come."""
        self._go(self._last)

    def action_leave(self) -> None:
        """Go back to the connections, and follow the newest entry again."""
        self.action_last()
        self.screen.query_one("#connections").focus()

    def on_focus(self) -> None:
        """Draw the selected entry."""
        self._redraw()

    def on_blur(self) -> None:
        """Draw no entry as selected."""
        self._redraw()

    def on_resize(self) -> None:
        """Wrap anew."""
        self._redraw()

    def on_click(self, event: events.Click) -> None:
        """Select the entry that was clicked."""
        offset = event.get_content_offset(self)
        if offset is not None and 0 <= offset.y < len(self._owners):
            self._go(self._owners[offset.y])

    def on_mouse_scroll_up(self) -> None:
        """Go to older entries."""
        self.action_move(-1)

    def on_mouse_scroll_down(self) -> None:
        """Go to newer entries."""
        self.action_move(1)

    # --- searching ---

    def action_search(self) -> None:
        """Open the field for a text."""
        if isinstance(self.parent, EventLog):
            self.parent.open_search()

    def search(self, text: str) -> None:
        """Select the newest entry that has `text`, in capitals or not."""
        self._text = text.strip().lower()
        if self._text and not self._has_text(self._at):
            self.action_find(-1)
        self._redraw()

    def action_find(self, step: int) -> None:
        """Select the nearest older (-1) or newer (1) entry with the text searched for."""
        if not self._text:
            self.app.notify("/ searches in the log first", severity="warning")
            return
        numbers = [number for number in self._numbers if self._has_text(number)]
        onward = [number for number in numbers if (number - self._at) * step > 0]
        if not numbers:
            self.app.notify(f"no event has {self._text!r}", severity="warning", markup=False)
        elif onward:
            self._go(min(onward) if step > 0 else max(onward))
        else:  # round the end, as in less and vi
            self._go(numbers[0] if step > 0 else numbers[-1])
            text = "newer: on from the oldest" if step > 0 else "older: on from the newest"
            self.app.notify(f"nothing {text}")

    def _has_text(self, number: int) -> bool:
        entry = self._entries[number - self._first]
        return self._text in f"{entry.subject} {entry.line}".lower()


class RecentEvents(LinesPanel):
    """The last events of the selected connection: states, toggles, system calls."""

    def render_row(self, row: Row | None) -> None:
        """Draw the newest events of a connection that fit, if there are new ones."""
        if not self.is_new(row, None if row is None else row.recent_version):
            return
        self.set_title("recent events" if row is None else f"recent events of #{row.id}")
        width, height = self.size
        lines: list[Line] = []
        for entry in islice(newest_first(row), height):
            bare = msgspec.structs.replace(entry, subject="")
            lines = entry_lines(bare, exact_clock(entry.t), width) + lines
            if len(lines) >= height:
                break
        self.set_lines(lines[-height:] if lines else [[("nothing yet", palette.FAINT)]])


def newest_first(row: Row | None) -> Iterable[JournalEntry]:
    """Yield the entries of a connection's recent events, the newest first."""
    recent: Iterable[Event] = () if row is None or row.recent is None else reversed(row.recent)
    for event in recent:
        yield from reversed(list(entries(event)))


def entry_lines(entry: JournalEntry, time: str, width: int) -> list[Line]:
    """Draw an entry behind a `time`, in as many lines of `width` cells as it takes."""
    line: Line = [(f"{time} ", palette.FAINT)]
    if entry.subject:
        line.append((f"{entry.subject} ", palette.STRONG))
    line.append((entry.brief, palette.TONES.get(entry.tone, palette.PLAIN)))
    return flow(line, width, _INDENT if width > 3 * _INDENT else 0)


def _on(style: Style, line: Line) -> Line:
    """Draw a line as selected, in one colour: some tones are hard to read on that ground."""
    return [(text, own + palette.PLAIN + style) for text, own in line]
