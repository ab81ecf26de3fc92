"""The dialog that makes what the table shows a view: a digit chooses its number."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from ..watch.views import NUMBERS, SavedView, Views
from . import palette
from .dialogs import Dialog, boxed, cancel_or


class ViewDialog(Dialog[str]):
    """Asks for the number of a view. The answer is one of `NUMBERS`."""

    AUTO_FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(number, f"answer('{number}')", f"View {number}", show=False) for number in NUMBERS
    ]
    HELP = (
        "A digit makes the filter, the order and the columns of the table the view of that number; "
        "later the same digit brings them back. A view that has the number already is replaced."
    )

    def __init__(self, shown: SavedView, views: Views) -> None:
        """`shown` is what the table shows now, `views` are those that there are."""
        super().__init__()
        self._shown = shown
        self._views = views

    def compose(self) -> ComposeResult:
        """Compose what is shown, the views that there are, and the way out."""
        now = Text.assemble(
            ("now: ", palette.DIM), (self._shown.in_words(), palette.STRONG), no_wrap=True
        )
        now.overflow = "ellipsis"
        lines = [now, Text()]
        for number in NUMBERS:
            view = self._views.get(number)
            words = ("free", palette.FAINT) if view is None else (view.in_words(), palette.PLAIN)
            line = Text.assemble((f"{number}  ", palette.ACCENT), words, no_wrap=True)
            line.overflow = "ellipsis"
            lines.append(line)
        yield boxed(
            "view",
            "which view shall this be?",
            *(Static(line, classes="view-line") for line in lines),
            cancel_or(),
        )

    def action_answer(self, number: str) -> None:
        """Answer with the number of the digit that was pressed."""
        self.dismiss(number)
