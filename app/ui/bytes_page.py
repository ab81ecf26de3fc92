"""The page of the bytes that are kept of one connection: those around its failure come first."""

from __future__ import annotations

from typing import ClassVar, Final

from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from ..core.events import CommandResult, Event
from ..core.kept_bytes import KeptBytes
from ..watch.figures import clock
from ..watch.row import Row
from ..watch.screen_state import ScreenState
from . import palette
from .bytes_lines import BytesView, bytes_view
from .clipboard import copy_text
from .connection_page import ConnectionPage
from .ctl_line import CtlLine
from .detail_panel import why_lines
from .key_bar import KeyBar
from .lines_panel import flow

NOT_OF_A_RECORDING: Final = (
    "a recording does not hold the bytes that a server keeps: ask a server that runs"
)
_BELOW: Final = 6
"""Lines from the failure on that are to be in view at first."""
_ABOVE: Final = 3
"""Lines of the dump that are shown above the failure at first, if the page has to scroll."""


class BytesPage(ConnectionPage):
    """The bytes that a server keeps of a connection, open or closed, as it had them when asked."""

    HELP = (
        "The bytes that the server keeps of one connection, from its first one on and around its "
        "failure: offset, hex, text. A bar stands where a read begins, carets under a refused "
        "header. The arrow keys, PageUp, PageDown, Home and End scroll. The bytes are those of the "
        "moment at which they were asked for; the same key asks again. Escape goes back."
    )
    SUBJECT = "bytes of connection"
    """The first words of the title."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy_command", "Copy command"),
    ]

    def __init__(
        self,
        row: Row,
        hidden: frozenset[str] = frozenset(),
        control: str = "",
        why_none: str = "",
    ) -> None:
        """Make the page of a connection; the actions in `hidden` are left out of the key bar.

        `control` is what ``--control`` of `ctl` takes for the server; empty if it has none.
        `why_none` says why no bytes can be asked for; empty where they can.
        """
        super().__init__(row, hidden)
        self.request = 0
        """The number of the latest request; 0 before there is one."""
        self._kept: KeptBytes | None = None
        self._answer = ""
        self._why_none = why_none
        self._ctl_line = CtlLine(control)
        self._ctl_line.set_commands([("show", str(row.id), "--bytes")])
        self._drawn: tuple[object, ...] = ()
        self._is_at_failure = False
        self._cap: int | None = None

    def draw(self, row: Row, kept: KeptBytes, width: int) -> BytesView:
        """Draw what is kept in lines of at most `width` cells."""
        return bytes_view(row, kept, width)

    def compose(self) -> ComposeResult:
        """Compose the lines in a frame, the command of `ctl`, and the key bar."""
        yield self._scroll
        yield self._ctl_line
        yield KeyBar(self._hidden)

    def expect(self, request: int) -> None:
        """Wait for the answer to a request that was sent."""
        self.request, self._answer = request, ""

    def apply(self, event: Event) -> None:
        """Take the bytes, or the answer, that belong to the latest request."""
        if isinstance(event, KeptBytes | CommandResult) and event.request == self.request != 0:
            if isinstance(event, KeptBytes):
                self._kept = event
            else:
                self._answer = event.message

    def render_state(self, model: ScreenState, now: float, mode: str) -> None:
        """Draw the diagnosis as `model` knows it, and the bytes that were told."""
        self.row = model.rows.get(self.row.id, self.row)
        row, width = self.row, self._lines.size.width
        if not width:
            return
        moment = "" if self._kept is None else f", as of {clock(self._kept.t)}"
        title = f"{self.SUBJECT} #{row.id}{moment}  {mode}"
        if self._scroll.border_title != title:
            self._scroll.border_title = title
        drawn = (width, row.version, self._kept, self._answer, model.cap, int(now))
        if drawn == self._drawn:
            return
        self._drawn = drawn
        lines = [*why_lines(row, now, width, model.cap), []]
        failure = 0
        if self._kept is None or not self._kept.size:
            lines += flow([self._none()], width)
        elif not self._kept.pieces:
            text = f"{self._none()[0]}: it has sent {self._kept.size:,} bytes"
            lines += flow([(text, palette.WARNING)], width)
        else:
            self._cap = model.cap
            view = self.draw(row, self._kept, width)
            failure = len(lines) + view.failure if view.failure else 0
            lines += view.lines
        self._lines.set_height(len(lines))
        self._lines.set_lines(lines)
        if failure and not self._is_at_failure:
            self._is_at_failure = True
            self.call_after_refresh(self._show_line, failure)

    def _none(self) -> tuple[str, Style]:
        """Say in a piece of a line why no bytes are shown."""
        if self._why_none:
            return self._why_none, palette.WARNING
        if not self._answer:
            return "the server was asked, and has not answered yet", palette.DIM
        if self._kept is None:
            return self._answer, palette.WARNING
        off = self._answer.partition(": ")[2]
        if not self._kept.size:
            return "it has sent no byte yet", palette.DIM
        return f"no bytes of it are kept ({off})" if off else "no bytes of it are kept any more", (
            palette.WARNING
        )

    def _show_line(self, line: int) -> None:
        """Scroll so far that the failure is in view."""
        height = self._scroll.size.height
        if line + _BELOW > height:
            self._scroll.scroll_to(y=line - _ABOVE, animate=False)

    def action_copy_command(self) -> None:
        """Copy the command of `ctl` that tells the same bytes."""
        if command := self._ctl_line.command:
            copy_text(self.app, command, "the command")
        else:
            self.notify("no control socket leads to the server: no command", severity="warning")
