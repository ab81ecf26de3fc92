"""The audit view: all commands to the server, the newest first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

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


class AuditScreen(Dialog[None]):
    """A list of commands with time, old and new value and result; it grows while it is open."""

    AUTO_FOCUS = "#audit-list"
    HELP = "All that was asked of the server, whoever asked, the newest first. Escape closes it."
    BINDINGS: ClassVar[list[BindingType]] = [Binding("a,q,enter", "cancel", "Close")]

    def __init__(self, changes: Iterable[Change]) -> None:
        super().__init__()
        self._changes = list(changes)
        self._list = Static(self._text())

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
            self._list.update(self._text())
        return ""

    def _text(self) -> Text:
        if not self._changes:
            return Text("nothing was done yet", palette.DIM)
        return Text("\n").join(_line(change) for change in reversed(self._changes))


def _line(change: Change) -> Text:
    mark = "✓" if change.ok else "✕"
    result = f"{mark} {change.result}" if change.result else "…"
    return Text.assemble(
        (f"{clock(change.t)}  ", palette.FAINT),
        (f"{change.what:<16} ", palette.STRONG),
        (f"{change.change or '-':<21} ", palette.PLAIN if change.change else palette.FAINT),
        (result, palette.PLAIN if change.ok else palette.ERROR),
        no_wrap=True,
        overflow="ellipsis",
    )
