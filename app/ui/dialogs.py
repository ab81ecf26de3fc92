"""The dialogs. Each answers with a choice, or with None if it is cancelled.

A dialog changes nothing itself: the app sends a command for the choice, and the screen changes when
the server's event comes back. A dialog goes on naming what it named when it opened.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Final, TypeVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from ..core.events import KillMode
from ..core.settings import RULES, SettingError, format_size
from ..watch.figures import words_size
from ..watch.row import Row
from ..watch.source import Failure
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

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Close without an answer."""
        self.dismiss(None)

    def on_click(self, event: events.Click) -> None:
        """Close without an answer on a click beside the box."""
        if event.widget is self:
            self.dismiss(None)


def boxed(name: str, title: str, *inside: Widget) -> Vertical:
    """Make the box of a dialog around widgets, with a title in its border."""
    box = Vertical(*inside, classes="dialog", id=f"{name}-dialog")
    box.border_title = title
    return box


def cancel_or(*others: Button) -> Horizontal:
    """Make the line of buttons: Cancel, then the others."""
    return Horizontal(Button("Cancel", id="cancel"), *others, classes="buttons")


def field(name: str, value: str, placeholder: str) -> Input:
    """Make a field whose cursor does not blink."""
    made = Input(value, placeholder=placeholder, id=name)
    made.cursor_blink = False
    return made


class FieldDialog(Dialog[Answer]):
    """Asks for values that are judged while they are typed; the button `set` confirms them."""

    @abstractmethod
    def read(self) -> Answer | None:
        """Return the answer as typed, or None if it would change nothing. Raises `SettingError`."""

    @abstractmethod
    def verdict(self, answer: Answer | None) -> Text:
        """Return in words what the answer would do."""

    @on(Input.Changed)
    def judge(self) -> None:
        """Say what is wrong with a value, or what the answer would do."""
        try:
            answer = self.read()
            text = self.verdict(answer)
        except SettingError as error:
            answer, text = None, Text(f"✕ {error}", palette.ERROR)
        self.query_one("#verdict", Static).update(text)
        self.query_one("#set", Button).disabled = answer is None

    @on(Input.Submitted)
    @on(Button.Pressed, "#set")
    def confirm(self) -> None:
        """Answer, if every value is valid; what is wrong already stands under the fields."""
        try:
            self.dismiss(self.read())
        except SettingError:
            if not isinstance(self.focused, Input):
                self.query(Input).first().focus()


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
        yield boxed(
            "kill",
            f"kill {self._title}?",
            VerticalScroll(Static(self._what), classes="what", can_focus=False),
            Static(modes, classes="explanation"),
            cancel_or(*(Button(m.value.capitalize(), id=m.value, classes="mode") for m in _MODES)),
        )

    @on(Button.Pressed, ".mode")
    def choose(self, event: Button.Pressed) -> None:
        """Answer with the mode of the button."""
        self.dismiss(KillMode(str(event.button.id)))


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


class CapDialog(FieldDialog[int]):
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
        cap = "" if self._cap is None else format_size(self._cap)
        now = Text.assemble(
            ("largest body accepted, now ", palette.DIM),
            (cap or "unknown", palette.STRONG),
            ("\nin force from each connection's next header on", palette.DIM),
        )
        yield boxed(
            "cap",
            "change the CAP",
            Static(now, classes="what"),
            field("cap", cap, "64KiB"),
            Static("", id="verdict"),
            cancel_or(Button("Set", id="set")),
        )

    def read(self) -> int:
        """Return the CAP as typed, in bytes. Raises `SettingError`."""
        cap: int = RULES["cap"].read(self.query_one(Input).value)
        return cap

    def verdict(self, cap: int | None) -> Text:
        """Return the effect that the CAP would have, in lines."""
        assert cap is not None
        text = Text(f"✓ {cap:,} bytes", palette.GOOD)
        for line in self._effect(cap):
            text.append(f"\n  {line}", palette.DIM if line.startswith(" ") else palette.PLAIN)
        return text


class QuitDialog(Dialog[bool]):
    """Asks whether to stop the server; Enter, or the key that opened the dialog, confirms."""

    AUTO_FOCUS = "#quit"
    HELP = "Enter, or the key that brought you here, quits. Escape goes back to the dashboard."

    def __init__(self, connections: int, grace: float, keys: tuple[str, ...]) -> None:
        """Make the dialog for the number of open `connections`.

        `grace` is the longest time that the stop of the server may take, in seconds; `keys` are the
        keys of the action `quit`.
        """
        super().__init__()
        are_open = f"{connections:,} connections are" if connections != 1 else "1 connection is"
        self._what = Text.assemble(
            ("The server in this process stops with the dashboard.", palette.STRONG),
            (f"\n{are_open} open. What they sent in full is still echoed, ", palette.DIM),
            (f"for up to {grace:g} s.", palette.DIM),
        )
        self._keys = keys

    def compose(self) -> ComposeResult:
        """Compose what will happen, and the buttons."""
        what = Static(self._what, classes="what")
        yield boxed("quit", "quit?", what, cancel_or(Button("Quit", id="quit")))

    @on(Button.Pressed, "#quit")
    def confirm(self) -> None:
        """Answer that the server is to stop."""
        self.dismiss(True)

    def on_key(self, event: events.Key) -> None:
        """Confirm when a key of the action `quit` is pressed again."""
        if event.key in self._keys:
            event.stop()
            self.confirm()


class FailureScreen(ModalScreen[None]):
    """Says that nothing comes from the server any more: the figures are out of date."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,ctrl+c", "leave", "Quit")]

    def __init__(self, failure: Failure) -> None:
        super().__init__()
        self._failure = failure

    def compose(self) -> ComposeResult:
        """Compose the reason, what it means, and the key that quits."""
        if self._failure.server_is_dead:
            title = " THE SERVER IS DEAD "
            means = "Nothing is echoed any more. What you saw last is no longer true."
            ends = "quit, with exit code 1"
        else:
            title = " THE SCREEN NO LONGER HEARS THE SERVER "
            means = "The server itself goes on. What you saw last is no longer true."
            ends = "stop the server and quit, with exit code 1"
        text = Text.assemble(
            (title, palette.BROKEN),
            ("\n\n" + self._failure.reason, palette.STRONG),
            ("\n\n" + means, palette.DIM),
            ("\n\nq", palette.ACCENT),
            ("  " + ends, palette.DIM),
            justify="center",
        )
        yield Vertical(Static(text), classes="dialog", id="dead-dialog")

    def action_leave(self) -> None:
        """End the dashboard with exit code 1."""
        self.app.exit(1, return_code=1)
