"""The audit view: all commands to the server, the newest first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from ..watch.audit import Change
from ..watch.figures import clock
from ..watch.screen_state import ScreenState
from . import palette
from .dialogs import Dialog, boxed
from .lines_panel import Line, LinesPanel, flow


class AuditScreen(Dialog[None]):
    """A list of commands with time, old and new value and result; it grows while it is open."""

    AUTO_FOCUS = "#audit-list"
    HELP = (
        "What was asked of the server since this dashboard has known it, whoever asked: the latest "
        "500, the newest first. Escape closes it."
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("a,q,enter", "cancel", "Close")]

    def __init__(self, changes: Iterable[Change]) -> None:
        super().__init__()
        self._changes = list(changes)
        self._list = LinesPanel()

    def compose(self) -> ComposeResult:
        """Compose the titles and the scrolling list of changes."""
        titles = f"{'when':<10}{'what':<17}{'old → new':<22}result"
        yield boxed(
            "audit",
            "audit",
            Static(Text(titles, palette.HEADING), id="audit-titles"),
            VerticalScroll(self._list, id="audit-list"),
        )

    def render_state(self, model: ScreenState, now: float) -> str:
        """Draw the list again if the changes are not those drawn before."""
        known, self._changes = self._changes, list(model.audit.changes)
        if self._changes != known:
            self._draw()
        return ""

    def on_resize(self) -> None:
        """Wrap the list at the new width."""
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        width = max(1, self._list.size.width)
        newest = [line for each in reversed(self._changes) for line in change_lines(each, width)]
        lines = newest or [[("nothing was done yet", palette.DIM)]]
        self._list.set_height(len(lines))
        self._list.set_lines(lines)


_NONE: Final = "-"


def change_lines(change: Change, width: int) -> list[Line]:
    """Draw one change, with its old and new value and its result, in lines of `width` cells."""
    mark = "✓" if change.ok else "✕"
    changed = change.change or _ids(change)
    result = f"{mark} {change.result}" if change.result else "…"
    line: Line = [
        (f"{clock(change.t)}  ", palette.FAINT),
        (f"{change.what:<16} ", palette.STRONG),
        (f"{changed:<21} ", palette.FAINT if changed == _NONE else palette.PLAIN),
        (result, palette.PLAIN if change.ok else palette.ERROR),
    ]
    return flow(line, width, len("14:03:59  "))


def _ids(change: Change) -> str:
    """Return the connections of one answer to several, in brief."""
    if len(change.ids) < 2:
        return _NONE
    first, *_, last = sorted(change.ids)
    return f"#{first} to #{last}" if last - first < len(change.ids) else f"#{first} … #{last}"
