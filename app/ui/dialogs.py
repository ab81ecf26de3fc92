"""The dialogs. Each answers with a choice, or with None if it is cancelled.

A dialog changes nothing itself: the app sends a command for the choice, and the screen changes when
the server's event comes back. While it is open a dialog is a view of the state, as every panel is.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Final, TypeVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from ..core.settings import RULES, SettingError, format_size
from ..watch.screen_state import ScreenState
from ..watch.source import Failure
from ..watch.what_if import effect_of_cap
from . import palette
from .clipboard import copy_text
from .ctl_line import CtlLine, Words
from .field import Field
from .terminal import TerminalDriver

NEAR: Final = 0.08
"""Seconds for a piece of the screen up to which a link is quick: the ground around a dialog is only
darkened there, since that sends nearly every cell, some 10 kB, when it opens and when it closes."""
Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer | None]):
    """A box over the screen; Escape, or a click beside it, closes it without an answer."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel"),
        Binding("left,up", "app.focus_previous", "Previous", show=False),
        Binding("right,down", "app.focus_next", "Next", show=False),
        Binding("f1", "app.help", "Help", show=False),
        Binding("y,ctrl+y", "copy_command", "Copy the command", show=False),
    ]
    COPIES = "y"
    """The key that copies the command."""
    HELP = "Tab and the arrow keys go round, Enter chooses, Escape leaves everything as it is."
    VERTICAL_BREAKPOINTS = [(0, "-low"), (23, "-high")]  # noqa: RUF012
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (60, "-broad")]  # noqa: RUF012

    def __init__(self, control: str = "") -> None:
        """`control` is what ``--control`` of `ctl` takes for the server; empty if it has none."""
        super().__init__()
        self.ctl_line = CtlLine(control)
        """The last line of the box, of a dialog that `ctl` can stand in for."""

    def on_mount(self) -> None:
        """Name the key that copies the last line; over a slow link leave the ground as it is."""
        driver = self.app._driver
        if isinstance(driver, TerminalDriver) and driver.piece_time > NEAR:
            self.add_class("-over-link")
        if self.ctl_line.is_attached and self.ctl_line.display:
            self.query_one(".dialog").border_subtitle = f"{self.COPIES} copies the command"

    def render_state(self, model: ScreenState, now: float) -> str:
        """Show what is true at `now`; return a word once there is nothing left to ask about."""
        return ""

    def commands(self) -> list[Words]:
        """Return the commands of `ctl` that do what would be done now."""
        return []

    @on(events.DescendantFocus)
    def update_ctl_line(self) -> None:
        """Show the commands as they are now."""
        self.ctl_line.set_commands(self.commands())

    def action_copy_command(self) -> None:
        """Copy the commands of the last line."""
        if command := self.ctl_line.command:
            copy_text(self.app, command, "the command")
        else:
            self.notify("there is no command to copy", severity="warning")

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


class DialogField(Field):
    """A field of a dialog: no value has a ``y``, which copies the command of the dialog."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Leave the key to the dialog if it copies."""
        return key != "y" and super().check_consume_key(key, character)

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "y":
            event.prevent_default()
        else:
            await super()._on_key(event)


def field(name: str, value: str, placeholder: str) -> Input:
    """Make a field whose cursor does not blink."""
    made = DialogField(value, placeholder=placeholder, id=name)
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
        verdict = self.query_one("#verdict", Static)
        if verdict.content != text:
            verdict.update(text)
        self.query_one("#set", Button).disabled = answer is None
        self.update_ctl_line()

    @on(Input.Submitted)
    @on(Button.Pressed, "#set")
    def confirm(self) -> None:
        """Answer, if every value is valid; what is wrong already stands under the fields."""
        try:
            self.dismiss(self.read())
        except SettingError:
            if not isinstance(self.focused, Input):
                self.query(Input).first().focus()


class CapDialog(FieldDialog[int]):
    """Asks for a new CAP, checked while it is typed. The answer is a size in bytes."""

    HELP = (
        "Type a size: 65536, 64KiB, 1MiB. It is judged while you type, with what it would mean "
        "for the frames in flight, and would have meant for recent ones. Enter sets it, Escape "
        "leaves the CAP as it is."
    )

    def __init__(self, model: ScreenState, now: float, control: str = "") -> None:
        """Ask about the CAP of `model`."""
        super().__init__(control)
        self._model, self._now = model, now
        self._cap = model.cap

    def compose(self) -> ComposeResult:
        """Compose the field, the line that checks its value, and the buttons."""
        yield boxed(
            "cap",
            "change the CAP",
            Static(self._in_force(), classes="what"),
            field("cap", _size(self._cap), "64KiB"),
            Static("", id="verdict"),
            cancel_or(Button("Set", id="set")),
            self.ctl_line,
        )

    def render_state(self, model: ScreenState, now: float) -> str:
        """Judge the value anew; a field that nobody has changed follows the CAP in force."""
        self._model, self._now = model, now
        if model.cap != self._cap and self.is_mounted:
            before, self._cap = self._cap, model.cap
            self.query_one(".what", Static).update(self._in_force())
            typed = self.query_one(Input)
            if typed.value == _size(before):
                typed.value = _size(self._cap)
        if self.is_mounted:
            self.judge()
        return ""

    def _in_force(self) -> Text:
        return Text.assemble(
            ("largest body accepted, now ", palette.DIM),
            (_size(self._cap) or "unknown", palette.STRONG),
            ("\nin force from each connection's next header on", palette.DIM),
        )

    def read(self) -> int:
        """Return the CAP as typed, in bytes. Raises `SettingError`."""
        cap: int = RULES["cap"].read(self.query_one(Input).value)
        return cap

    def verdict(self, cap: int | None) -> Text:
        """Return the effect that the CAP would have, in lines."""
        assert cap is not None
        text = Text(f"✓ {cap:,} bytes", palette.GOOD)
        for line in effect_of_cap(self._model, cap, self._now):
            text.append(f"\n  {line}", palette.DIM if line.startswith(" ") else palette.PLAIN)
        return text

    def commands(self) -> list[Words]:
        """Return the command that sets the value as typed."""
        try:
            return [("set", "cap", str(self.read()))]
        except SettingError:
            return []


def _size(size: int | None) -> str:
    return "" if size is None else format_size(size)


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
