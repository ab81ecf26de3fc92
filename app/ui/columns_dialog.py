"""The dialog for the columns: which are shown, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeAlias

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option

from ..watch.columns import COLUMNS
from . import palette
from .ctl_line import Words
from .dialogs import Dialog, boxed

Chosen: TypeAlias = tuple[str, ...]
_NAME = 15


class ColumnList(OptionList):
    """Every column with its mark; the order is that of the table."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "select", "On, off"),
        Binding("enter", "screen.apply", "Apply"),
        Binding("shift+up,minus,K", "carry(-1)", "Up"),
        Binding("shift+down,plus,J", "carry(1)", "Down"),
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
    ]

    class Changed(Message):
        """The marked columns, or their order, are others."""

    def __init__(self, shown: Sequence[str]) -> None:
        self._order = [*shown, *(name for name in COLUMNS if name not in shown)]
        self._shown = set(shown)
        super().__init__(*map(self._option, self._order), id="column-list")

    @property
    def chosen(self) -> Chosen:
        """The marked columns in their order."""
        return tuple(name for name in self._order if name in self._shown)

    def _option(self, name: str) -> Option:
        return Option(self._line(name), id=name)

    def _line(self, name: str) -> Text:
        is_shown = name in self._shown
        title = name.replace("_", " ")
        return Text.assemble(
            ("✓ " if is_shown else "  ", palette.ACCENT),
            (title.ljust(_NAME), palette.STRONG if is_shown else palette.DIM),
            (COLUMNS[name].meaning, palette.DIM),
            no_wrap=True,
            overflow="ellipsis",
        )

    def action_select(self) -> None:
        """Mark the column under the cursor, or take its mark away; the last one keeps it."""
        # Not by a message: keys that were typed ahead may have moved the column by then.
        at = self.highlighted
        if at is None:
            return
        name = self._order[at]
        changed = self._shown ^ {name}
        if changed:
            self._shown = changed
            self.replace_option_prompt_at_index(at, self._line(name))
            self.post_message(self.Changed())

    def action_carry(self, step: int) -> None:
        """Move the column under the cursor up or down, cursor and all."""
        at = self.highlighted
        if at is None or not 0 <= at + step < len(self._order):
            return
        order = self._order
        order[at], order[at + step] = order[at + step], order[at]
        self.set_options(map(self._option, order))
        self.highlighted = at + step
        self.post_message(self.Changed())


class CarryButton(Button):
    """A button for quick clicks in a row: Textual's ignores clicks during its effect of 0.2 s."""

    def __init__(self, label: str, name: str) -> None:
        super().__init__(label, id=name)
        self.active_effect_duration = 0


class ColumnsDialog(Dialog[Chosen]):
    """A choice of columns. Its result is their keys in order; none means those that fit."""

    AUTO_FOCUS = "#column-list"
    HELP = (
        "Space or a click shows or hides a column; shift with an arrow key carries it up or down. "
        "Enter applies the choice, Automatic goes back to whatever fits. Every column that is "
        "shown can be sorted by: by a click on its title, or by the sort key."
    )

    def __init__(self, shown: Sequence[str], control: str = "") -> None:
        """`shown` are the columns that the table has now, in their order."""
        super().__init__(control)
        self._list = ColumnList(shown)

    def compose(self) -> ComposeResult:
        """The list, how to use it, and the ways out."""
        yield boxed(
            "columns",
            "columns",
            self._list,
            Static(
                Text("space on, off   shift+↑ ↓ carries   Enter applies", palette.DIM),
                classes="explanation",
            ),
            Horizontal(
                CarryButton("Up", "carry-up"),
                CarryButton("Down", "carry-down"),
                Button("Automatic", id="automatic"),
                Button("Cancel", id="cancel"),
                Button("Apply", id="apply"),
                classes="buttons",
            ),
            self.ctl_line,
        )

    def commands(self) -> list[Words]:
        """Return the command that lists the same columns."""
        return [("list", "--columns", ",".join(self._list.chosen))]

    @on(ColumnList.Changed)
    def follow_list(self) -> None:
        """Show the command as the list is now."""
        self.update_ctl_line()

    @on(Button.Pressed, "CarryButton")
    def carry(self, event: Button.Pressed) -> None:
        """Carry the column under the cursor up or down."""
        self._list.action_carry(-1 if event.button.id == "carry-up" else 1)

    @on(Button.Pressed, "#automatic")
    def automatic(self) -> None:
        """Close with no choice: the columns that fit are shown."""
        self.dismiss(())

    @on(Button.Pressed, "#apply")
    def action_apply(self) -> None:
        """Close with the marked columns."""
        self.dismiss(self._list.chosen)
