"""The dialog that ends connections: a view of them that tells what would be lost now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Button, Static

from ..core.commands import KillMode
from ..watch.figures import words_size
from ..watch.row import Row
from ..watch.screen_state import ScreenState
from . import palette
from .ctl_line import Words
from .dialogs import Dialog, boxed, cancel_or

NAMED: Final = 5
"""Connections that a dialog describes one by one; it lists the ids of the next `LISTED`."""
LISTED: Final = 500
"""Ids that it lists: wrapping 10,000 anew takes 0.1 s whenever one of them closes."""
_MODES: Final = {
    KillMode.DRAIN: "finish the pending echo, then close in good order",
    KillMode.CLOSE: "give up the pending echo; the kernel delivers what it has",
    KillMode.RESET: "RST: everything in flight is destroyed",
}


class KillDialog(Dialog[KillMode]):
    """Asks whether and how to end connections. Cancel has the focus."""

    AUTO_FOCUS = "#cancel"
    HELP = (
        "Nothing is ended before you choose how. The dialog is about the connections that it "
        "names, whatever happens to the table meanwhile, and tells what would be lost now; it "
        "closes once none of them is open. Escape and Cancel end none."
    )

    def __init__(
        self, rows: Sequence[Row], instance: str, why_these: str = "", control: str = ""
    ) -> None:
        """Ask about `rows` of the server `instance`; `why_these` says how they were chosen."""
        super().__init__(control)
        self._ids = [row.id for row in rows]
        self._instance = instance
        self._why_these = why_these
        self._open = list(rows)
        self._gone = ""
        self._named, self._others = Static(id="named"), Static(id="others")
        self._loss = Static(id="lost")
        self._tell()

    @on(Button.Pressed, ".mode")
    def choose(self, event: Button.Pressed) -> None:
        """Answer with the mode of the button."""
        self.dismiss(KillMode(str(event.button.id)))

    @property
    def open_ids(self) -> list[int]:
        """The ids of the connections that are open still."""
        return [row.id for row in self._open]

    def compose(self) -> ComposeResult:
        """Compose the connections, what would be lost, the ways to end them, and the buttons."""
        modes = Text("\n").join(
            Text.assemble((f"{mode.value.capitalize():<7}", palette.STRONG), (words, palette.DIM))
            for mode, words in _MODES.items()
        )
        count = len(self._ids)
        title = f"{count:,} connections" if count > 1 else f"connection #{self._ids[0]}"
        yield boxed(
            "kill",
            f"kill {title}?",
            VerticalScroll(self._named, self._others, classes="what", can_focus=False),
            self._loss,
            Static(modes, classes="explanation"),
            cancel_or(*(Button(m.value.capitalize(), id=m.value, classes="mode") for m in _MODES)),
            self.ctl_line,
        )

    def render_state(self, model: ScreenState, now: float) -> str:
        """Show the connections as they are; return a word once none of them is open."""
        instance = "" if model.listening is None else model.listening.instance
        if instance != self._instance:
            return "another server answers now: nothing was done"
        rows = [model.rows.get(connection_id) for connection_id in self._ids]
        self._open = [row for row in rows if row is not None and row.closed is None]
        self._gone = model.gone
        if self._open:
            self._tell()
            return ""
        if len(self._ids) > 1:
            return f"all {len(self._ids):,} have closed meanwhile: nothing was done"
        row = rows[0]
        reason = f" ({row.reason})" if row is not None else ""
        return f"#{self._ids[0]} has closed meanwhile{reason}: nothing was done"

    def commands(self) -> list[Words]:
        """Return the command that does what the focused button does; mode `close` for Cancel."""
        focused = "" if self.focused is None else str(self.focused.id)
        mode = focused if focused in set(KillMode) else KillMode.CLOSE.value
        ids = map(str, self.open_ids)
        return [("kill", *ids, "--mode", mode, "--instance", self._instance)]

    def _tell(self) -> None:
        several = len(self._ids) > 1
        named = self._several() if several else _single(self._open[0])
        _update(self._named, named)
        rest = self._open[NAMED:] if several else []
        others = Text(f"and {len(rest):,} more: " if rest else "", palette.DIM)
        others.append(" ".join(f"#{row.id}" for row in rest[:LISTED]), palette.PLAIN)
        if len(rest) > LISTED:
            others.append(f" … #{rest[-1].id}", palette.PLAIN)
        _update(self._others, others)
        _update(self._loss, self._lost())
        self.update_ctl_line()

    def _several(self) -> Text:
        count, closed = len(self._open), len(self._ids) - len(self._open)
        text = Text.assemble((f"{count:,} connections", palette.STRONG), f", {self._why_these}")
        if closed:
            text.append(f"; {closed:,} of them have closed meanwhile", palette.WARNING)
        width = max(len(str(row.id)) for row in self._open[:NAMED]) + 1
        for row in self._open[:NAMED]:
            text.append(f"\n{f'#{row.id}':>{width}}  ", palette.STRONG)
            text.append(f"{palette.state_label(row.state):<14}", palette.STATES[row.state])
            text.append(row.peer, palette.PLAIN)
        return text

    def _lost(self) -> Text:
        snapshots = [row.snapshot for row in self._open if row.snapshot is not None]
        pending = sum(row.pending for row in self._open)
        unacked = sum(snapshot.unacked_bytes for snapshot in snapshots)
        is_told = all(
            one.queues is None or one.queues.unacked_bytes is not None for one in snapshots
        )
        in_all = "in all: " if len(self._ids) > 1 else ""
        unacknowledged = words_size(unacked) if unacked else "nothing"
        text = Text(
            f"{in_all}{f'{words_size(pending)} of echo' if pending else 'nothing'} pending, "
            f"{unacknowledged if is_told else 'not told how much is'} unacknowledged",
            palette.PLAIN if pending + unacked else palette.DIM,
        )
        if pending + unacked:
            close, reset = (
                words_size(pending) if pending else "nothing",
                words_size(pending + unacked),
            )
            losses = f"lost now: by Close {close}, by Reset {'' if is_told else 'at least '}{reset}"
            text.append(f"\n{losses}", palette.WARNING)
        if self._gone:
            text.append(f"\nas last heard of: {self._gone}", palette.ERROR)
        return text


def _update(shown: Static, text: Text) -> None:
    if shown.content != text:  # an update lays out the dialog again
        shown.update(text)
        shown.display = bool(text.plain)


def _single(row: Row) -> Text:
    return Text.assemble(
        (f"#{row.id}", palette.STRONG),
        "  ",
        (row.peer, palette.PLAIN),
        "\n",
        (palette.state_label(row.state), palette.STATES[row.state]),
    )
