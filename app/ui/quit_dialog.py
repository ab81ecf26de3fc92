"""The dialog before the dashboard ends, if the server ends with it."""

from __future__ import annotations

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from . import palette
from .dialogs import Dialog


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
        self._connections = connections
        self._grace = grace
        self._keys = keys

    def compose(self) -> ComposeResult:
        """Compose what will happen, and the buttons."""
        with Vertical(classes="dialog", id="quit-dialog") as box:
            box.border_title = "quit?"
            yield Static(self._what(), classes="what")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel")
                yield Button("Quit", id="quit")

    def _what(self) -> Text:
        are_open = (
            "1 connection is"
            if self._connections == 1
            else f"{self._connections:,} connections are"
        )
        return Text.assemble(
            ("The server in this process stops with the dashboard.", palette.STRONG),
            (f"\n{are_open} open. What they sent in full is still echoed, ", palette.DIM),
            (f"for up to {self._grace:g} s.", palette.DIM),
        )

    @on(Button.Pressed)
    def choose(self, event: Button.Pressed) -> None:
        """Answer whether the button was Quit."""
        self.dismiss(event.button.id == "quit")

    def on_key(self, event: events.Key) -> None:
        """Confirm when a key of the action `quit` is pressed again."""
        if event.key in self._keys:
            event.stop()
            self.dismiss(True)
