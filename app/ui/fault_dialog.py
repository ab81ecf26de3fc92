"""The dialog that gives one connection a fault on purpose, or takes it away."""

from __future__ import annotations

from typing import ClassVar, Final

from rich.table import Table
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Button, Input, Static

from ..core.fault_spec import WORDS, meanings, parse_fault
from ..core.settings import SettingError
from ..watch.row import Row
from ..watch.screen_state import ScreenState
from . import palette
from .ctl_line import Words
from .dialogs import FieldDialog, boxed, cancel_or
from .field import Field

MOST_EXPLAINED: Final = 2
"""Words of a SPEC that are explained while it is typed."""


class FaultDialog(FieldDialog[str]):
    """Asks for a SPEC, checked while it is typed; the answer is empty to take the fault away."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
    ]
    COPIES = "ctrl+y"  # "delay" has a y
    HELP = (
        "Type words with commas: slice=1..3,gap=0.05. N counts the bytes of echo of the connection "
        "from 0, headers included. PageDown shows the rest of the words. Enter does it, Take away "
        "ends it, Escape changes nothing. What was really done stands on the page of the "
        "connection, and in the list of closed ones."
    )

    def __init__(self, row: Row, control: str = "") -> None:
        """Ask about the connection of `row`."""
        super().__init__(control)
        self._row = row
        self._was = _spec_of(row)

    def compose(self) -> ComposeResult:
        """Compose the words, the field, the line that checks its value, and the buttons."""
        words = Table.grid(padding=(0, 2))
        words.add_column(no_wrap=True)
        words.add_column()
        for word in WORDS.values():
            words.add_row(Text(word.form, palette.STRONG), Text(word.meaning, palette.DIM))
        typed = Field(self._was, placeholder="slice=1..3,gap=0.05", id="fault")
        typed.cursor_blink = False
        yield boxed(
            "fault",
            f"a fault on purpose for connection #{self._row.id}",
            VerticalScroll(Static(words), classes="what", can_focus=False),
            typed,
            Static("", id="verdict"),
            cancel_or(
                Button("Take away", id="none", disabled=not self._was), Button("Set", id="set")
            ),
            self.ctl_line,
        )

    def render_state(self, model: ScreenState, now: float) -> str:
        """Close once the connection is not open any more."""
        row = model.rows.get(self._row.id)
        return f"#{self._row.id} is closed" if row is None or row.closed is not None else ""

    def read(self) -> str:
        """Return the SPEC as typed. Raises `SettingError`."""
        return parse_fault(self.query_one(Input).value).text

    def verdict(self, answer: str | None) -> Text:
        """Return in words what the SPEC does."""
        assert answer is not None
        text = Text(f"✓ {answer}", palette.GOOD)
        for word, meaning in meanings(answer)[-MOST_EXPLAINED:]:  # the latest: there is no room
            text.append(f"\n  {word}: {meaning}", palette.DIM)
        return text

    def action_page(self, pages: int) -> None:
        """Scroll the list of words."""
        words = self.query_one(VerticalScroll)
        words.scroll_relative(y=pages * words.size.height, animate=False)

    @on(Button.Pressed, "#none")
    def take_away(self) -> None:
        """Answer with no fault."""
        self.dismiss("")

    def commands(self) -> list[Words]:
        """Return the command that does the same."""
        try:
            return [("fault", str(self._row.id), self.read())]
        except SettingError:
            return []


def _spec_of(row: Row) -> str:
    return "" if row.snapshot is None else row.snapshot.fault
