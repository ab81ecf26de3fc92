"""The dialogs. Each answers with a choice, or with None if it is cancelled.

A dialog changes nothing itself: the app sends a command for the choice, and the screen changes when
the server's event comes back. A dialog goes on naming what it named when it opened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final, TypeVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from ..core.events import KillMode
from ..core.settings import RULES, SettingError, format_size
from ..watch.figures import words_size
from ..watch.row import Row
from . import palette

Answer = TypeVar("Answer")
NAMED: Final = 5
"""Connections that a dialog describes one by one; it lists only the ids of the others."""
_MODES: Final = {
    KillMode.DRAIN: "finish the pending echo, then close in good order",
    KillMode.CLOSE: "give up the pending echo; the kernel delivers what it has",
    KillMode.RESET: "RST: everything in flight is destroyed",
}


class Dialog(ModalScreen[Answer | None]):
    """A box over the screen; Escape, or a click beside it, closes it without an answer."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel"),
        Binding("left,up", "app.focus_previous", "Previous", show=False),
        Binding("right,down", "app.focus_next", "Next", show=False),
        Binding("f1", "app.help", "Help", show=False),
    ]
    HELP = "Tab and the arrow keys go round, Enter chooses, Escape leaves everything as it is."
    VERTICAL_BREAKPOINTS = [(0, "-low"), (23, "-high")]  # noqa: RUF012

    def action_cancel(self) -> None:
        """Close without an answer."""
        self.dismiss(None)

    def on_click(self, event: events.Click) -> None:
        """Close without an answer on a click beside the box."""
        if event.widget is self:
            self.dismiss(None)


class KillDialog(Dialog[KillMode]):
    """Asks whether and how to end connections. Cancel has the focus."""

    AUTO_FOCUS = "#cancel"
    HELP = (
        "Nothing is ended before you choose how. The dialog is about the connections that it "
        "names, whatever happens to the table meanwhile. Escape and Cancel end none."
    )

    def __init__(self, rows: Sequence[Row], why_these: str = "") -> None:
        """Describe `rows` as they are now; `why_these` says in words how they were chosen."""
        super().__init__()
        several = len(rows) > 1
        self._title = f"{len(rows):,} connections" if several else f"connection #{rows[0].id}"
        self._what = _several(rows, why_these) if several else _single(rows[0])

    def compose(self) -> ComposeResult:
        """Compose the connections, the ways to end them, and the buttons."""
        modes = Text("\n").join(
            Text.assemble((f"{mode.value.capitalize():<7}", palette.STRONG), (words, palette.DIM))
            for mode, words in _MODES.items()
        )
        with Vertical(classes="dialog", id="kill-dialog") as box:
            box.border_title = f"kill {self._title}?"
            with VerticalScroll(classes="what", can_focus=False):
                yield Static(self._what)
            yield Static(modes, classes="explanation")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel")
                for mode in _MODES:
                    yield Button(mode.value.capitalize(), id=mode.value)

    @on(Button.Pressed)
    def choose(self, event: Button.Pressed) -> None:
        """Answer with the mode of the button, or None for Cancel."""
        chosen = event.button.id
        self.dismiss(None if chosen in (None, "cancel") else KillMode(chosen))


def _pending(size: int) -> str:
    return f"{words_size(size)} of echo pending" if size else "nothing pending"


def _single(row: Row) -> Text:
    return Text.assemble(
        (f"#{row.id}", palette.STRONG),
        "  ",
        (row.peer, palette.PLAIN),
        "\n",
        (palette.state_label(row.state), palette.STATES[row.state]),
        (f"   {_pending(row.pending)}", palette.DIM),
    )


def _several(rows: Sequence[Row], why_these: str) -> Text:
    text = Text.assemble((f"{len(rows):,} connections", palette.STRONG), (f", {why_these}\n"))
    width = max(len(str(row.id)) for row in rows[:NAMED]) + 1
    for row in rows[:NAMED]:
        text.append(f"{f'#{row.id}':>{width}}  ", palette.STRONG)
        text.append(f"{palette.state_label(row.state):<14}", palette.STATES[row.state])
        text.append(f"{row.peer}\n", palette.PLAIN)
    if len(rows) > NAMED:
        text.append(f"and {len(rows) - NAMED:,} more: ", palette.DIM)
        text.append(" ".join(f"#{row.id}" for row in rows[NAMED:]) + "\n", palette.PLAIN)
    text.append(f"{_pending(sum(row.pending for row in rows))} in all", palette.DIM)
    return text


class CapDialog(Dialog[int]):
    """Asks for a new CAP, checked while it is typed. The answer is a size in bytes."""

    HELP = (
        "Type a size: 65536, 64KiB, 1MiB. It is judged while you type, with what it would mean "
        "for the frames in flight, and would have meant for recent ones. Enter sets it, Escape "
        "leaves the CAP as it is."
    )

    def __init__(self, cap: int | None, effect: Callable[[int], list[str]]) -> None:
        """Make the dialog; `effect` describes, in lines, the effect of a CAP in bytes."""
        super().__init__()
        self._cap = cap
        self._effect = effect

    def compose(self) -> ComposeResult:
        """Compose the field, the line that checks its value, and the buttons."""
        with Vertical(classes="dialog", id="cap-dialog") as box:
            box.border_title = "change the CAP"
            yield Static(self._now(), classes="what")
            field = Input(
                "" if self._cap is None else format_size(self._cap),
                placeholder="64KiB",
                id="cap",
                select_on_focus=True,
            )
            field.cursor_blink = False
            yield field
            yield Static("", id="verdict")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel")
                yield Button("Set", id="set")

    def _now(self) -> Text:
        cap = "unknown" if self._cap is None else format_size(self._cap)
        return Text.assemble(
            ("largest body accepted, now ", palette.DIM),
            (cap, palette.STRONG),
            ("\nin force from each connection's next header on", palette.DIM),
        )

    @on(Input.Changed)
    def judge(self, event: Input.Changed) -> None:
        """Say what is wrong with the value, or what effect it would have."""
        verdict = self.query_one("#verdict", Static)
        confirm = self.query_one("#set", Button)
        try:
            cap = RULES["cap"].read(event.value)
        except SettingError as error:
            verdict.update(Text(f"✕ {error}", palette.ERROR))
            confirm.disabled = True
            return
        text = Text(f"✓ {cap:,} bytes", palette.GOOD)
        for line in self._effect(cap):
            text.append(f"\n  {line}", palette.DIM if line.startswith(" ") else palette.PLAIN)
        verdict.update(text)
        confirm.disabled = False

    @on(Input.Submitted)
    @on(Button.Pressed, "#set")
    def confirm(self) -> None:
        """Answer with the value, if it is valid."""
        try:
            cap = RULES["cap"].read(self.query_one(Input).value)
        except SettingError:
            self.query_one(Input).focus()  # the line under the field already says what is wrong
            return
        self.dismiss(cap)

    @on(Button.Pressed, "#cancel")
    def leave(self) -> None:
        """Close without an answer."""
        self.dismiss(None)


class DeadServerScreen(ModalScreen[None]):
    """Says that the server died, so that the figures on the screen are out of date."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,ctrl+c", "leave", "Quit")]

    def __init__(self, failure: str) -> None:
        super().__init__()
        self._failure = failure

    def compose(self) -> ComposeResult:
        """Compose the reason and the key that quits."""
        text = Text.assemble(
            (" THE SERVER IS DEAD ", palette.BROKEN),
            ("\n\n" + self._failure, palette.STRONG),
            ("\n\nNothing is echoed any more. What you saw last is no longer true.", palette.DIM),
            ("\n\nq", palette.ACCENT),
            ("  quit, with exit code 1", palette.DIM),
            justify="center",
        )
        with Vertical(classes="dialog", id="dead-dialog"):
            yield Static(text)

    def action_leave(self) -> None:
        """End the dashboard with exit code 1."""
        self.app.exit(1, return_code=1)
