"""The filter above the table: the field for it, and a line with the number of rows it hides."""

from __future__ import annotations

from collections import deque
from typing import ClassVar, Final, NamedTuple, TypeAlias

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from ..watch.filter import LONGEST, Filter, FilterError, parse_filter
from ..watch.filter_completion import Rows, common_start, complete
from . import palette
from .actions import Keys, signs
from .field import Field
from .lines_panel import Line, LinesPanel, clip, flow, line_width

RECENT_LIMIT: Final = 10
"""Filters that are remembered."""
_LEAST: Final = 8
"""Cells of a filter's text that are shown at least."""
_EXAMPLE = "state:WRITE_BODY pending>64K or idle>10s"


Choice: TypeAlias = tuple[Filter | None, bool]
"""A filter, or none, and whether it is on."""


class Offered(NamedTuple):
    """The candidates of a completion, one of which stands in the field or none yet."""

    text: str
    """The text and the cursor of the field after the last completion: while they are the same, the
    next one is another candidate."""
    cursor: int
    start: int
    candidates: tuple[str, ...]
    at: int
    """The candidate that stands there; -1 before the first one."""


class FilterBar(Vertical):
    """A filter: typed, in force at once, restored by Escape, turned off and on by a key."""

    HELP = (
        "A filter is in force while you type it. Words are looked for in peer, state, reason and "
        "#id; state:WRITE_BODY, peer:127.0.0.2, pending>64K, idle>10s, toggles>=5 look at a "
        "column; and, or, not and ( ) join them. Tab completes a name, an operator or a value, and "
        "once more offers the next one. Enter keeps the filter, Escape restores the one before."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "restore", "Restore"),
        Binding("f1", "app.help", "Help", show=False),
        Binding("tab", "complete(1)", "Complete"),
        Binding("shift+tab", "complete(-1)", "The candidate before", show=False),
        Binding("down", "accept", "Accept", show=False),
    ]

    class Changed(Message):
        """Another filter is in force, or none."""

        def __init__(self, chosen: Filter | None) -> None:
            super().__init__()
            self.chosen = chosen

    class Left(Message):
        """The field was left."""

    def __init__(self, keys: Keys, rows: Rows) -> None:
        """`keys` are those in force; the line under the field names two of them.

        `rows` returns the connections whose peers and workers are offered as values.
        """
        super().__init__(id="filter-bar")
        self._rows = rows
        self._offered: Offered | None = None
        self._hint = ""
        self._toggle, self._change = signs(keys, "toggle_filter"), signs(keys, "filter")
        self._chosen: Filter | None = None
        self._is_on = False
        self._before: Choice = (None, False)
        """The filter, and whether it was on, that Escape restores."""
        self._error: FilterError | None = None
        self._counts = (0, 0)
        self.recent: deque[str] = deque(maxlen=RECENT_LIMIT)
        """Filters that were accepted, the latest first."""
        self._field = Field(placeholder=_EXAMPLE, id="filter", max_length=LONGEST)
        self._field.cursor_blink = False
        # Textual gives the focus also to what is not displayed: keys would vanish in the field.
        self._field.can_focus = False
        self._line = LinesPanel(id="filter-line")

    def compose(self) -> ComposeResult:
        """The field, and the line under it."""
        yield self._field
        yield self._line

    @property
    def active(self) -> Filter | None:
        """The filter that is in force."""
        return self._chosen if self._is_on else None

    @property
    def choice(self) -> Choice:
        """The filter, and whether it is on."""
        return self._chosen, self._is_on

    def restore(self, choice: Choice) -> None:
        """Put a choice of before into force."""
        self._set_filter(*choice)

    def open(self) -> None:
        """Open the field; each text that is a filter is in force at once."""
        if not self.has_class("typing"):
            self._before = self.choice
            self._field.value = "" if self._chosen is None else self._chosen.text
            self.add_class("typing")
        self._field.can_focus = True
        # At once: `focus` would do it after the keys that came in the same read as this one.
        self.screen.set_focus(self._field)
        self._parse(self._field.value)
        self.call_after_refresh(self._update_line)

    def _update_line(self) -> None:
        words = self._words()
        lines = [words] if self._error is None else flow(words, self._line.size.width, 2)
        self._line.set_height(len(lines))
        self._line.set_lines(lines)

    def toggle(self) -> bool:
        """Turn the filter off or on; false if there is none."""
        if self._chosen is None:
            return False
        self._set_filter(self._chosen, not self._is_on)
        return True

    def render_counts(self, shown: int, hidden: int) -> None:
        """Show how many rows pass and how many do not."""
        self._counts = shown, hidden
        self._update_line()

    def action_restore(self) -> None:
        """Leave the field; the filter is as it was before."""
        self._set_filter(*self._before)
        self._close_field()

    @on(Input.Submitted)
    def action_accept(self) -> None:
        """Leave the field with the filter as typed, once it is one."""
        if self._error is None:
            self._remember()
            self._close_field()

    def _remember(self) -> None:
        if self._chosen is not None:
            text = self._chosen.text
            self.recent = deque(
                (text, *(each for each in self.recent if each != text)), RECENT_LIMIT
            )

    def action_complete(self, step: int) -> None:
        """Complete the word before the cursor; once more, offer the next of several candidates."""
        field = self._field
        offered = self._offered
        if offered is None or (field.value, field.cursor_position) != offered[:2]:
            offered = self._offer()
            begun = field.value[offered.start : offered.cursor]
            common = common_start(offered.candidates)
            if len(offered.candidates) > 1 and len(common) > len(begun):
                self._offered = self._put(offered, common, -1)
                self._update_line()
                return
        if candidates := offered.candidates:
            at = (max(offered.at, 0 if step < 0 else -1) + step) % len(candidates)
            self._offered = self._put(offered, candidates[at], at)
            if len(candidates) == 1:
                # An operator is followed by a value: those that there are stand under the field.
                is_name = candidates[0].endswith(("=", ":", "<", ">"))
                self._offered = self._offer() if is_name else None
        self._update_line()

    def _offer(self) -> Offered:
        """Return what may stand before the cursor; the hint that goes with it is noted."""
        text, cursor = self._field.value, self._field.cursor_position
        start, candidates, self._hint = complete(text, cursor, self._rows)
        return Offered(text, cursor, start, candidates, -1)

    def _put(self, offered: Offered, text: str, at: int) -> Offered:
        """Put `text` into the field in the place of what `offered` replaces."""
        field = self._field
        field.replace(text, offered.start, offered.cursor)
        field.cursor_position = cursor = offered.start + len(text)
        return offered._replace(text=field.value, cursor=cursor, at=at)

    def choose(self, text: str) -> None:
        """Put a filter into force that was used before."""
        self._parse(text)
        self._remember()

    @on(Input.Changed)
    def parse_typed(self, event: Input.Changed) -> None:
        """Put the typed filter into force, or show what is wrong with it."""
        event.stop()
        if self._offered is not None and event.value != self._offered.text:
            self._offered = None
        if self._offered is None:
            self._hint = ""
        if self.has_class("typing"):
            self._parse(event.value)
            self._update_line()

    def _parse(self, text: str) -> None:
        try:
            typed = parse_filter(text)
        except FilterError as error:
            self._error = error
            self._update_line()
            return
        self._set_filter(typed if typed.text else None, True)

    def _set_filter(self, chosen: Filter | None, is_on: bool) -> None:
        self._error = None
        self._chosen, self._is_on = chosen, is_on and chosen is not None
        self.set_class(chosen is not None, "filtered")
        self.post_message(self.Changed(self.active))

    def _close_field(self) -> None:
        self._error = self._offered = None
        self._hint = ""
        self.remove_class("typing")
        self._field.can_focus = False
        self.post_message(self.Left())

    def _advice(self, shown: int) -> str:
        """Say what to look for instead where a filter may not find what is meant."""
        text = "" if self._chosen is None else self._chosen.text
        if text == "stuck":
            return "; a slow reader is not stuck: why:slow"
        is_word = text.replace(" ", "").isalnum()
        return (
            f"; not in peer, state, reason: why:{text.split()[0]}?" if is_word and not shown else ""
        )

    def _words(self) -> Line:
        width = self._line.size.width
        if self._offered is not None and self._offered.candidates:
            return _candidates(self._offered, self._hint, width)
        if self._hint:
            return [(clip(self._hint, width), palette.DIM)]
        if self._error is not None:
            where = f"✕ at {self._error.position + 1}: "
            return [(f"{where}{self._error}", palette.ERROR)]
        if self._chosen is None:
            return [("words, or column and value: " + _EXAMPLE, palette.FAINT)]
        shown, hidden = self._counts
        if self._is_on:
            label, style, key = "filter ", palette.SORTED, f"{self._toggle} off"
            tail = f"  shows {shown:,}, hides {hidden:,}{self._advice(shown)}"
        else:
            label, style, key = "filter off ", palette.DIM, f"{self._toggle} on"
            tail = "  all are shown"
        if self.has_class("typing"):
            ways = "  Enter keeps, Esc restores, Tab completes"
            found = tail.strip()
            ways = ways if len(found) + len(ways) <= width else ""
            return [(clip(found, width), palette.GOOD), (ways, palette.FAINT)]
        end: Line = [(tail, palette.PLAIN), (f"  {key}, {self._change} change", palette.FAINT)]
        if len(label) + _LEAST + line_width(end) > width:
            end.pop()  # the keys are in the help too
        room = max(_LEAST, width - len(label) - line_width(end))
        return [(label, style), (clip(self._chosen.text, room), palette.STRONG), *end]


def _candidates(offered: Offered, hint: str, width: int) -> Line:
    """Write the candidates, as many as fit from the one that stands in the field."""
    first, names = max(0, offered.at), offered.candidates
    line: Line = [(f"{hint}; or  ", palette.DIM)] if hint else []
    before = len(line)
    for at, name in enumerate((*names[first:], *names[:first]), first):
        is_chosen = at == offered.at
        line.append((f"{name}  ", palette.STRONG if is_chosen else palette.PLAIN))
        if line_width(line) > width - 5:
            line.pop()
            break
    left = len(names) - len(line) + before
    return [*line, (f"+{left:,}" if left else "", palette.FAINT)]
