"""The questions that are asked before something ends: the server, or a recording."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.widgets import Button, Static

from ..watch.screen_state import ScreenState
from . import palette
from .ctl_line import Words
from .dialogs import Dialog, boxed, cancel_or


class Question(Dialog[bool]):
    """A question that Enter, or the key that brought it up, answers with yes."""

    AUTO_FOCUS = "#yes"
    TITLE_WORD = ""
    """The name of the box, and the word on its button."""

    def __init__(self, keys: tuple[str, ...], control: str = "") -> None:
        """`keys` are those of the action that asks."""
        super().__init__(control)
        self._keys = keys
        self._what = Static(classes="what")

    def compose(self) -> ComposeResult:
        """Compose what will happen, and the buttons."""
        word = self.TITLE_WORD
        yes = Button(word.capitalize(), id="yes")
        yield boxed("question", f"{word}?", self._what, cancel_or(yes), self.ctl_line)

    @on(Button.Pressed, "#yes")
    def confirm(self) -> None:
        """Answer with yes."""
        self.dismiss(True)

    def on_key(self, event: events.Key) -> None:
        """Confirm when a key of the action is pressed again."""
        if event.key in self._keys:
            event.stop()
            self.confirm()

    def _tell(self, text: Text) -> None:
        if self._what.content != text:
            self._what.update(text)


class QuitDialog(Question):
    """Asks whether to stop the server."""

    TITLE_WORD = "quit"
    HELP = "Enter, or the key that brought you here, quits. Escape goes back to the dashboard."

    def __init__(self, connections: int, grace: float, keys: tuple[str, ...]) -> None:
        """Ask about a server with so many open `connections`.

        `grace` is the longest time that its stop may take, in seconds; `keys` are those of the
        action `quit`.
        """
        super().__init__(keys)
        self._grace = grace
        self._count(connections)

    def render_state(self, model: ScreenState, now: float) -> str:
        """Count the open connections anew."""
        self._count(model.open)
        return ""

    def _count(self, connections: int) -> None:
        self._tell(
            Text.assemble(
                ("The server in this process stops with the dashboard.", palette.STRONG),
                (
                    f"\n{_are_open(connections)}. What they sent in full is still echoed, ",
                    palette.DIM,
                ),
                (f"for up to {self._grace:g} s.", palette.DIM),
            )
        )


class SuspendDialog(Question):
    """Asks whether to stop the server for as long as the dashboard is suspended."""

    TITLE_WORD = "suspend"
    HELP = "Enter, or Ctrl-Z again, suspends. Escape goes back to the dashboard."

    def __init__(self, connections: int) -> None:
        """Ask about a server with so many open `connections`."""
        super().__init__(("ctrl+z",))
        self._count(connections)

    def render_state(self, model: ScreenState, now: float) -> str:
        """Count the open connections anew."""
        self._count(model.open)
        return ""

    def _count(self, connections: int) -> None:
        self._tell(
            Text.assemble(
                ("The server in this process stands still too, until `fg`.", palette.STRONG),
                (f"\n{_are_open(connections)}: nothing is read, echoed or ", palette.DIM),
                ("accepted meanwhile.", palette.DIM),
            )
        )


class EndRecordingDialog(Question):
    """Asks whether to end a recording that the command line asked for."""

    TITLE_WORD = "end recording"
    HELP = "Enter, or the key that brought you here, ends it. Escape lets it go on."

    def __init__(
        self, file: str, keys: tuple[str, ...], control: str, goes_on: Callable[[], bool]
    ) -> None:
        """Ask about the recording into `file`, whose name is escaped, as long as it `goes_on`."""
        super().__init__(keys, control)
        self._goes_on = goes_on
        self._tell(
            Text.assemble(
                ("The command line asked for this recording: ", palette.STRONG),
                (file, palette.PLAIN),
                ("\nNothing goes on recording after it unless you begin another.", palette.DIM),
            )
        )

    def render_state(self, model: ScreenState, now: float) -> str:
        """Return a word once the recording has ended by itself."""
        return "" if self._goes_on() else "the recording has ended: nothing was done"

    def commands(self) -> list[Words]:
        """Return the command that ends the recording."""
        return [("record", "stop")]


def _are_open(connections: int) -> str:
    return f"{connections:,} connections are open" if connections != 1 else "1 connection is open"
