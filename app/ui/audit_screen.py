"""The audit view: what was done to the server, the newest first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from ..watch.audit import Change
from ..watch.figures import clock
from . import palette
from .dialogs import Dialog


class AuditScreen(Dialog[None]):
    """When, what, old and new, and what the server said to it; it grows while it is open."""

    AUTO_FOCUS = "#audit-list"
    HELP = "All that was asked of the server, whoever asked, the newest first. Escape closes it."
    BINDINGS: ClassVar[list[BindingType]] = [Binding("a,q,enter", "cancel", "Close")]

    def __init__(self, deeds: Iterable[Change]) -> None:
        super().__init__()
        self._deeds = list(deeds)
        self._list = Static(self._text())

    def compose(self) -> ComposeResult:
        """The titles, and the deeds in a list that scrolls."""
        titles = f"{'when':<10}{'what':<17}{'old → new':<22}result"
        with Vertical(classes="dialog", id="audit-dialog") as box:
            box.border_title = "audit"
            yield Static(Text(titles, palette.HEADING), id="audit-titles")
            with VerticalScroll(id="audit-list"):
                yield self._list

    def show(self, deeds: Iterable[Change]) -> None:
        """Take the deeds as they are now."""
        known, self._deeds = self._deeds, list(deeds)
        if self._deeds != known:
            self._list.update(self._text())

    def _text(self) -> Text:
        if not self._deeds:
            return Text("nothing was done yet", palette.DIM)
        return Text("\n").join(_line(deed) for deed in reversed(self._deeds))


def _line(deed: Change) -> Text:
    mark = "✓" if deed.ok else "✕"
    result = f"{mark} {deed.result}" if deed.result else "…"
    return Text.assemble(
        (f"{clock(deed.t)}  ", palette.FAINT),
        (f"{deed.what:<16} ", palette.STRONG),
        (f"{deed.change or '-':<21} ", palette.PLAIN if deed.change else palette.FAINT),
        (result, palette.PLAIN if deed.ok else palette.ERROR),
        no_wrap=True,
        overflow="ellipsis",
    )
