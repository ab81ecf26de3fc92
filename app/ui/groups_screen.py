"""The connections in groups, the worst group first; Enter shows those of one group.

Grouping ten thousand connections takes longer than a frame may, so after the first time it is done
a part at a time, and begun again once a second at the most.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final, NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from ..watch.figures import short_count, short_rate, short_size
from ..watch.filter import Filter
from ..watch.grouping import GROUPINGS, Group, Grouper
from ..watch.row import Row
from ..watch.state import State
from ..watch.why import why_in_brief
from . import palette
from .ctl_line import Words
from .dialogs import Dialog, boxed
from .lines_panel import Line, LinesPanel, clip, line_width, pad

AT_ONCE: Final = 1000
"""Connections that are looked at in one piece of work: 3 to 4 ms."""
PIECE_EVERY: Final = 0.05
"""Seconds between two pieces of work."""
AGAIN_AFTER: Final = 1.0
"""Seconds after which the connections are grouped again."""
_WIDEST_NAME: Final = 40
_FIGURES: Final[dict[str, Callable[[Group], str]]] = {
    "count": lambda group: short_count(group.count),
    "stuck": lambda group: short_count(group.stuck),
    "pending": lambda group: short_size(group.pending),
    "unacked": lambda group: short_size(group.unacked),
    "rate/s": lambda group: short_rate(group.rate),
}
"""The figures of a group by their titles."""
_FIGURE_WIDTH: Final = 8


class Entered(NamedTuple):
    """The answer: a group to be shown."""

    filter: str
    """The filter that its connections pass."""
    worst: int
    """The id of the one that is to be selected."""


class GroupList(LinesPanel, can_focus=True):
    """The groups, one a line, with a cursor that stays on its group once it was moved."""

    def __init__(self) -> None:
        super().__init__(id="group-list")
        self._groups: list[Group] = []
        self._at = self._top = 0
        self._name = ""
        """The group under the cursor once a person moved it; else it is the first, the worst."""
        self._has_moved = False
        self._shown_name: str | None = None
        self._now = 0.0

    def show_groups(self, groups: list[Group], now: float, is_other: bool = False) -> None:
        """Show groups as they are at `now`; the cursor begins anew if they are of another kind."""
        self._groups, self._now = groups, now
        if is_other:
            self._has_moved, self._at, self._top, self._shown_name = False, 0, 0, None
        elif self._has_moved:
            places = (at for at, group in enumerate(groups) if group.name == self._name)
            self._at = next(places, min(self._at, max(0, len(groups) - 1)))
        self._draw()

    @property
    def selected(self) -> Group | None:
        """The group under the cursor; None if there is no group."""
        return self._groups[self._at] if self._at < len(self._groups) else None

    def move(self, step: int) -> None:
        """Move the cursor by `step` lines, as far as there are groups."""
        if self._groups:
            self._at = max(0, min(self._at + step, len(self._groups) - 1))
            self._name, self._has_moved = self._groups[self._at].name, True
            self._draw()

    @property
    def page(self) -> int:
        """The lines of a screenful."""
        return max(1, self.size.height - 2)

    def on_resize(self) -> None:
        """Draw as many groups as there is room for."""
        self._draw()

    class Moved(Message):
        """Another group is under the cursor."""

    class Chosen(Message):
        """The group under the cursor was clicked."""

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the clicked group; a click on the cursor goes into it."""
        offset = event.get_content_offset(self)
        if offset is None or not 1 <= offset.y <= len(self._groups) - self._top:
            return
        at = self._top + offset.y - 1
        if at == self._at:
            self.post_message(self.Chosen())
        else:
            self.move(at - self._at)

    def on_mouse_scroll_down(self) -> None:
        """Move the cursor down."""
        self.move(3)

    def on_mouse_scroll_up(self) -> None:
        """Move the cursor up."""
        self.move(-3)

    # --- drawing ---

    def _draw(self) -> None:
        if self.selected is not None and self.selected.name != self._shown_name:
            self._shown_name = self.selected.name
            self.post_message(self.Moved())
        height = self.size.height - 1
        if height <= 0:
            return
        self._top = max(min(self._top, self._at), self._at - height + 1, 0)
        self._top = max(0, min(self._top, len(self._groups) - height))
        shown = self._groups[self._top : self._top + height]
        name_width = max([8, *(len(group.name) for group in shown)])
        room = self.size.width - 2 - len(_FIGURES) * _FIGURE_WIDTH
        name_width = min(name_width, _WIDEST_NAME, max(12, room - 14))
        titles = "".join(title.rjust(_FIGURE_WIDTH) for title in _FIGURES)
        heading = f"{'':{2 + name_width}}{titles}  the worst"
        lines: list[Line] = [[(heading, palette.HEADING)]]
        for at, group in enumerate(shown, self._top):
            lines.append(self._line(group, name_width, at == self._at))
        self.set_lines(lines)

    def _line(self, group: Group, name_width: int, is_selected: bool) -> Line:
        name = clip(group.name or "none", name_width)
        line: Line = [
            ("▌ " if is_selected else "  ", palette.ACCENT),
            (name + " " * (name_width - line_width([(name, palette.PLAIN)])), palette.STRONG),
        ]
        for title, figure in _FIGURES.items():
            text = figure(group)
            style = palette.FAINT if text == "0" else palette.PLAIN
            if title == "stuck" and group.stuck:
                style = palette.WARNING
            line.append((("·" if text == "0" else text).rjust(_FIGURE_WIDTH), style))
        width = self.size.width
        worst = clip(_worst(group.worst, self._now), width - line_width(line) - 2)
        line.append((f"  {worst}", palette.DIM))
        if not is_selected:
            return line
        line = pad(line, width, palette.PLAIN)
        ground = palette.SELECTED_WITHOUT_COLOUR if self.app.no_color else palette.SELECTED
        return [(text, style + ground) for text, style in line]


def _worst(row: Row, now: float) -> str:
    outstanding = row.pending + (row.snapshot.unacked_bytes if row.snapshot else 0)
    if row.closed is not None:
        return f"#{row.id} {row.reason}"
    size = f" {short_size(outstanding)}" if outstanding else ""
    return f"#{row.id}{size} {why_in_brief(row, now)}"


class GroupsScreen(Dialog[Entered]):
    """The groups of the connections that the filter shows. The answer is one to go into."""

    AUTO_FOCUS = "#group-list"
    HELP = (
        "The connections in groups, with sums: the group with the most stuck ones first, then the "
        "one with the most bytes pending or unacknowledged, then the largest. The arrow keys left "
        "and right, or the key that opened this, group by something else. Enter shows the "
        "connections of the group, and Escape then goes back to those that were shown before."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "enter", "Show these"),
        Binding("right,tab", "turn(1)", "By the next"),
        Binding("left,shift+tab", "turn(-1)", "By the one before", show=False),
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup,ctrl+u", "move_page(-1)", "Page up", show=False),
        Binding("pagedown,ctrl+d", "move_page(1)", "Page down", show=False),
        Binding("home,g", "move(-1000000)", "First", show=False),
        Binding("end,G", "move(1000000)", "Last", show=False),
        Binding("question_mark", "app.help", "Help", show=False),
        Binding("q", "cancel", "Close", show=False),
    ]

    def __init__(
        self,
        by: str,
        shown: Callable[[], tuple[State, float]],
        shown_by: Filter | None,
        keys: tuple[str, ...],
        control: str,
    ) -> None:
        """Group by `by`, a name of `GROUPINGS`; `shown_by` is the filter in force.

        `shown` returns the state on the screen, which may be paused, and its time. `keys` are those
        of the action that opens this screen. `control` is what ``--control`` of `ctl` takes.
        """
        super().__init__(control)
        self._shown = shown
        self.by = by
        self._shown_by = shown_by
        # Bound, for a key that comes in one read with the one that opened this screen: it is sent
        # to the table, and only bindings still find it.
        self._bindings.bind(",".join(keys), "turn(1)", show=False)
        self._list = GroupList()
        self._line = LinesPanel(id="group-keys")
        self._grouper: Grouper | None = None
        self._grouped_at = float("-inf")
        self._now = 0.0

    def compose(self) -> ComposeResult:
        """Compose the groups, and the ways to group."""
        yield boxed("groups", "groups", self._list, self._line, self.ctl_line)

    def commands(self) -> list[Words]:
        """Return the command that lists the group under the cursor."""
        group = self._list.selected
        if group is None:
            return []
        # `list` without it has only open ones.
        closed = ("--closed",) if GROUPINGS[self.by].with_closed and group.worst.closed else ()
        return [("list", *closed, "--where", self._filter_of(group))]

    def _filter_of(self, group: Group) -> str:
        """Return the filter that shows a group, within the one that is in force."""
        chosen = GROUPINGS[self.by].filter_of(group.name)
        return chosen if self._shown_by is None else f"({self._shown_by.text}) {chosen}"

    def on_group_list_moved(self) -> None:
        """Name the group under the cursor in the last line."""
        self.update_ctl_line()

    def on_mount(self) -> None:
        """Draw the groups as soon as there is a size to draw them in."""
        self.call_after_refresh(self._group_all)
        self.set_interval(PIECE_EVERY, self._work)

    def render_state(self, model: State, now: float) -> str:
        """Group again if it is time to; the groups are never about nothing."""
        if self._grouper is None and not 0 <= self._shown()[1] - self._grouped_at < AGAIN_AFTER:
            self._begin()
        return ""

    def _begin(self) -> None:
        state, self._now = self._shown()
        passes = None if self._shown_by is None else self._shown_by.passes
        self._grouper = Grouper(state.rows.values(), GROUPINGS[self.by], self._now, passes)
        self._grouped_at = self._now

    def _work(self) -> None:
        if self._grouper is not None and self._grouper.work(AT_ONCE):
            self._show_groups()

    def _group_all(self) -> None:
        """Group all at once: somebody has pressed a key and waits."""
        self._begin()
        assert self._grouper is not None
        while not self._grouper.work(AT_ONCE):
            pass
        self._show_groups(is_other=True)

    def _show_groups(self, is_other: bool = False) -> None:
        assert self._grouper is not None
        groups, self._grouper = self._grouper.groups(), None
        self._list.show_groups(groups, self._now, is_other)
        number = sum(group.count for group in groups)
        filtered = "" if self._shown_by is None else f", of the filter {self._shown_by.text}"
        closed = ", open or just closed" if GROUPINGS[self.by].with_closed else ""
        how_many = f"{len(groups):,} group{'' if len(groups) == 1 else 's'}"
        of = f"{number:,} connection{'' if number == 1 else 's'}"
        title = f"{how_many} of {of}{closed}{filtered}"
        box = self.query_one("#groups-dialog")
        # The text of a filter is no markup.
        box.border_title = Content(clip(title, max(20, box.size.width - 4)))
        line: Line = [("by  ", palette.DIM)]
        for name, grouping in GROUPINGS.items():
            style = palette.SORTED if name == self.by else palette.DIM
            line.append((f"{grouping.title}  ", style))
        line.append((" ← →   Enter shows these   Esc closes", palette.FAINT))
        self._line.set_lines([line])

    # --- keys ---

    def action_move(self, step: int) -> None:
        """Move the cursor."""
        self._list.move(step)

    def action_move_page(self, step: int) -> None:
        """Move the cursor by a screenful."""
        self._list.move(step * self._list.page)

    def action_turn(self, step: int) -> None:
        """Group by the next thing, or the one before."""
        names = list(GROUPINGS)
        self.by = names[(names.index(self.by) + step) % len(names)]
        self._group_all()

    def on_group_list_chosen(self) -> None:
        """Go into the group that was clicked."""
        self.action_enter()

    def action_enter(self) -> None:
        """Answer with the group under the cursor."""
        group = self._list.selected
        if group is not None:
            self.dismiss(Entered(self._filter_of(group), group.worst.id))
