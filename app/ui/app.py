"""The dashboard: one timer drains the source into the model and shows the model.

Keys only send commands. The screen changes when the server's event comes back, so a live, an
attached and a replayed server behave alike on the screen.
"""

from __future__ import annotations

import time
from typing import ClassVar, Final

from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.command import CommandPalette
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from ..core.events import CommandResult, KillMode, TraceLevel
from ..watch.requests import Requests
from ..watch.row import Row
from ..watch.screen_state import ScreenState
from ..watch.source import RecorderControl, Source
from ..watch.what_if import effect_of_cap
from . import palette
from .actions import signs
from .audit_screen import AuditScreen
from .base_app import PersonalApp
from .charts import ChartsPanel
from .connection_table import ConnectionTable
from .detail_panel import DetailPanel
from .dialogs import CapDialog, FailureScreen, KillDialog, QuitDialog
from .event_panels import EventLog, RecentEvents
from .header_panel import HeaderPanel
from .hex_panel import HexPanel
from .key_bar import KeyBar
from .preferences import Preferences
from .settings_dialog import SettingsDialog, Values
from .workers_panel import WorkersPanel

SMALLEST: Final = (60, 15)
"""Columns and lines below which the dashboard only says that it needs more."""
WIDE: Final = 140
"""Columns from which on detail and events stand side by side."""
NARROW: Final = 100


OF_ONE_SERVER: Final = (KillDialog, CapDialog, SettingsDialog, CommandPalette)
"""Screens that name connections or settings of one server: none of another may be changed."""


class EchoApp(PersonalApp):
    """The dashboard of one server. Its return value is the exit code."""

    CSS_PATH = "echo.tcss"
    NOT_HERE: ClassVar[frozenset[str]] = frozenset()
    """Actions that this dashboard does not have."""

    def __init__(
        self,
        source: Source,
        title: str = "echo-tui",
        preferences: Preferences | None = None,
        recorder: RecorderControl | None = None,
    ) -> None:
        """Make the dashboard of `source`; `title` is the title of the terminal window.

        Without a `recorder` nothing can be recorded.
        """
        super().__init__(source, preferences or Preferences())
        self.title = title
        self._recorder = recorder
        self._requests = Requests(source.submit)
        self._traced: int | None = None
        self._shown_instance = ""
        self._header = HeaderPanel(id="header")
        self._workers_panel = WorkersPanel()
        self._detail = DetailPanel(id="detail")
        self._recent = RecentEvents(id="recent", title="recent events")
        self._hex = HexPanel(id="hex")
        self._events = EventLog(id="log", title="event log")
        self._charts = ChartsPanel(id="charts", title="charts of the last minutes")
        self._banner_shown = ""
        self._too_small = Static("", id="too-small", markup=False)

    def compose(self) -> ComposeResult:
        """Compose the panels."""
        yield self._header
        yield self._workers_panel
        yield Static("", id="banner", markup=False)
        yield self._pane
        with Horizontal(id="lower"):
            yield self._detail
            with Vertical(id="side"):
                yield self._hex
                yield self._recent
                yield self._events
        yield self._charts
        yield self._too_small
        yield KeyBar(self.NOT_HERE)

    def on_mount(self) -> None:
        """Start the refreshes."""
        self._pane.table.focus()
        self.call_after_refresh(self._refresh_and_go_on)

    # --- refreshing ---

    def _refresh_and_go_on(self) -> None:
        """Refresh, then set a timer for the next refresh; a costly screen pauses longer."""
        self.refresh_view(anyway=False)
        share = 0.0 if self.model.rates is None else self.model.rates.loop_share
        delay = self._pace.next_delay(time.thread_time(), share)
        self.set_timer(delay, self._refresh_and_go_on)

    def refresh_view(self, anyway: bool = True) -> None:
        """Drain the source into the model and draw it; a paused screen is drawn as it was.

        Unless `anyway`, the pace decides whether it is drawn.
        """
        now = self._source.now()
        for result in self.model.apply(self._source.drain(), now):
            self._report(result)
        if self._instance not in ("", self._shown_instance):
            before, self._shown_instance = self._shown_instance, self._instance
            if before:
                self._forget_server()
        failure = self._source.failure()
        if failure is not None and not isinstance(self.screen, FailureScreen):
            self.push_screen(FailureScreen(failure))
        if self.is_drawing_due() or anyway:
            self._draw(*(self._frozen or (self.model, now)))

    @property
    def _instance(self) -> str:
        listening = self.model.listening
        return "" if listening is None else listening.instance

    def _forget_server(self) -> None:
        """Drop what is of the server before: another one answers, with its own ids and settings."""
        self._traced = None
        self._pane.table.forget_ids()
        if self._frozen is not None:
            self.action_pause()
        # A dialog may have another screen over it, such as the help: those go with it.
        stack = self.screen_stack
        lowest = next((i for i, one in enumerate(stack) if isinstance(one, OF_ONE_SERVER)), None)
        if lowest is None:
            return
        for _ in range(len(stack) - lowest):
            self.pop_screen()
        text = "another server answers now: the dialog was closed, and nothing was done"
        self.notify(text, severity="warning")

    def _draw(self, model: ScreenState, now: float) -> None:
        if not self._header.is_attached or self.screen_stack[0].has_class("too-small"):
            return
        self._pace.note_drawing(time.monotonic(), self.model.membership)
        self._keep_the_focus()
        mode, style = self._mode()
        if self._recorder is not None and self._recorder.path is not None:
            mode, style = f"● REC  {mode}", palette.ALARM
        self._header.render_state(model, now, mode, style, self._pace.word)
        self._workers_panel.render_state(model)
        if isinstance(self.screen, QuitDialog) and not self.model.open:
            self.exit(0, return_code=0)  # no connection is left that a stop could end
        self._pane.table.held = len(self.screen_stack) > 1
        if isinstance(self.screen, AuditScreen):
            self.screen.update_changes(model.audit.changes)
        self._pane.render_state(model, now)
        if self.screen_stack[0].has_class("charting"):
            self._charts.render_state(model)
        else:
            self._draw_selected(model, now)
            self._events.render_state(model)
        self._update_banner(now)

    def _keep_the_focus(self) -> None:
        """Give the focus back to the table, which loses it while it is hidden."""
        screen = self.screen_stack[0]
        if screen.focused is None and self.app_focus and self._pane.display:
            screen.set_focus(self._pane.table)

    def _update_banner(self, now: float) -> None:
        text = self._banner_text(now)
        if text != self._banner_shown:  # an update would lay out the whole screen again
            self._banner_shown = text
            self.screen_stack[0].query_one("#banner", Static).update(text)
        self.screen_stack[0].set_class(bool(self.model.gone), "gone")

    def _banner_text(self, now: float) -> str:
        """Return the text of the banner; empty if there is nothing to say."""
        if self.model.gone:
            return f"GONE: {self.model.gone}. Waiting for it; {signs(self.keys, 'quit')} quits"
        if self._frozen is None:
            return ""
        behind, resumes = self._source.now() - now, signs(self.keys, "pause")
        stands = f"PAUSED {behind:.0f} s ago: the screen stands still, the server goes on."
        return f"{stands} {resumes} resumes"

    def _draw_selected(self, model: ScreenState, now: float) -> None:
        row = model.rows.get(self._pane.table.selected_id or 0)
        self._detail.render_row(row, now)
        self._recent.render_row(row)
        if self._shows_bytes:
            self._hex.render_row(row)

    def _mode(self) -> tuple[str, Style]:
        model = self.model
        if model.crashed is not None:
            return "DEAD", palette.BROKEN
        if model.gone:
            return "GONE", palette.BROKEN
        if model.stopped is not None:
            return "STOPPED", palette.BROKEN
        if model.stopping is not None:
            return "STOPPING", palette.ALARM
        if self._frozen is not None:
            return "PAUSED", palette.ALARM
        return "● LIVE", palette.GOOD

    def on_resize(self, event: events.Resize) -> None:
        """Choose the panels by the size of the terminal."""
        width, height = event.size
        screen = self.screen_stack[0]
        too_small = width < SMALLEST[0] or height < SMALLEST[1]
        screen.set_class(too_small, "too-small")
        screen.set_class(NARROW <= width < WIDE, "medium")
        screen.set_class(width < NARROW, "narrow")
        screen.set_class(height < 34, "short")
        screen.set_class(height < 24, "low")
        screen.set_class(height < 20, "tiny")
        self._name_the_other_panel()
        self._too_small.update(
            f"this terminal has {width} columns and {height} lines\n"
            f"the dashboard needs {SMALLEST[0]} by {SMALLEST[1]}\n\n"
            f"the server runs on; {signs(self.keys, 'quit')} quits"
        )
        self.call_after_refresh(self.refresh_view)

    # --- selection ---

    def on_connection_table_selected(self, message: ConnectionTable.Selected) -> None:
        """Trace the selected connection, and no other."""
        self._trace(TraceLevel.OFF)
        self._traced = message.connection_id
        self._trace(self._trace_level)
        self._draw_selected(*self.shown_model())

    @property
    def _shows_bytes(self) -> bool:
        return self.screen_stack[0].has_class("bytes")

    @property
    def _trace_level(self) -> TraceLevel:
        return TraceLevel.BYTES if self._shows_bytes else TraceLevel.IO

    def _trace(self, level: TraceLevel) -> None:
        row = self.model.rows.get(self._traced or 0)
        if row is not None and row.closed is None:
            self._requests.trace(row.id, level, self._instance)

    # --- actions ---

    def action_kill(self) -> None:
        """Open the dialog that ends the selected connection."""
        row = self.model.rows.get(self._pane.table.selected_id or 0)
        if row is None:
            self.notify("no connection is selected", severity="warning")
        elif row.closed is not None:
            self.notify(f"#{row.id} is closed already", severity="warning")
        else:
            self._open_kill_dialog([row])

    def action_kill_several(self) -> None:
        """Open the dialog that ends the tagged connections, or all that the filter shows."""
        table, shown_by = self._pane.table, self._pane.filter_bar.active
        if table.tagged:
            ids = sorted(table.tagged)
            hidden = len(table.tagged.difference(row.id for row in table.shown))
            why_these = f"tagged, {hidden:,} of them hidden by the filter" if hidden else "tagged"
        elif shown_by is not None:
            ids = [row.id for row in table.shown]
            why_these = f"all that the filter shows: {shown_by.text}"
        else:
            self.notify("tag connections or filter them first", severity="warning")
            return
        rows = [row for row in map(self.model.rows.get, ids) if row and row.closed is None]
        if rows:
            self._open_kill_dialog(rows, why_these)
        else:
            self.notify("none of them is open", severity="warning")

    def _open_kill_dialog(self, rows: list[Row], why_these: str = "") -> None:
        # The ids are of this server, also if another one answers before a button is pressed.
        ids, instance = [row.id for row in rows], self._instance

        def kill(mode: KillMode | None) -> None:
            if mode is not None:
                self._requests.kill(ids, mode, instance)

        self.push_screen(KillDialog(rows, why_these), kill)

    def action_filter(self) -> None:
        """Open the field for a filter; charts that hide the table give way to it."""
        if not self._pane.display:
            self.screen_stack[0].remove_class("charting")
        if not self.screen_stack[0].has_class("too-small"):
            super().action_filter()

    def action_cap(self) -> None:
        """Open the dialog for a new CAP."""
        instance = self._instance  # also if another one answers before the dialog does

        def change(cap: int | None) -> None:
            if cap is not None:
                self._requests.set("cap", cap, instance)

        def effect(cap: int) -> list[str]:
            return effect_of_cap(self.model, cap, self._source.now())

        self.push_screen(CapDialog(self.model.cap, effect), change)

    def action_settings(self) -> None:
        """Open the dialog for the timeouts and the write mode."""
        instance = self._instance

        def change(values: Values | None) -> None:
            for name, value in (values or {}).items():
                self._requests.set(name, value, instance)

        self.push_screen(SettingsDialog(self.model.settings), change)

    def action_audit(self) -> None:
        """Open the list of all changes to the server."""
        self.push_screen(AuditScreen(self.model.audit.changes))

    def action_pause(self) -> None:
        """Pause or resume the screen; the model goes on applying events."""
        if self._frozen is None:
            self._frozen = (self.model.frozen(), self._source.now())
        else:
            self._frozen = None
        self.screen_stack[0].set_class(self._frozen is not None, "paused")
        self.refresh_view()

    def action_log(self) -> None:
        """Switch between detail and events in a terminal without room for both."""
        self.screen_stack[0].toggle_class("log-first")
        self._name_the_other_panel()
        self.call_after_refresh(self.refresh_view)

    def action_record(self) -> None:
        """Start or end a recording."""
        if self._recorder is None:
            self.notify("this dashboard cannot record", severity="warning")
            return
        try:
            self.notify(self._recorder.toggle(), title="record", markup=False)
        except OSError as error:
            text = f"not recorded: {error.strerror or error}"
            self.notify(text, title="record", severity="error", markup=False)
        self.refresh_view()

    def action_charts(self) -> None:
        """Switch between the charts of the server and the selected connection."""
        self.screen_stack[0].toggle_class("charting")
        self.call_after_refresh(self.refresh_view)

    def action_bytes(self) -> None:
        """Show or hide the last bytes of the selected connection."""
        self.screen_stack[0].toggle_class("bytes")
        self._trace(self._trace_level)
        self.call_after_refresh(self.refresh_view)

    def _name_the_other_panel(self) -> None:
        """Write the name of a hidden panel on the border of the other; a click shows it."""
        screen = self.screen_stack[0]
        shares = screen.has_class("narrow") or screen.has_class("medium")
        sign = signs(self.keys, "log")
        self._detail.border_subtitle = _link(f"{sign} event log") if shares else ""
        for panel in (self._recent, self._events):
            panel.border_subtitle = _link(f"{sign} detail") if shares else ""

    async def action_quit(self) -> None:
        """End the dashboard; ask first if open connections would end with it.

        The exit code is 1 if the server has died.
        """
        failed = self._source.failure() is not None
        ends_some = self._source.owns_server and self.model.open and not self.model.stopped
        if failed or not ends_some or isinstance(self.screen, QuitDialog):
            self.exit(int(failed), return_code=int(failed))
            return

        def leave(sure: bool | None) -> None:
            if sure:
                self.exit(0, return_code=0)

        grace, keys = self._source.grace, self.keys["quit"]
        self.push_screen(QuitDialog(self.model.open, grace, keys), leave)

    # --- results ---

    def _report(self, result: CommandResult) -> None:
        outcome = self._requests.outcome(result)
        if outcome is None:
            return
        self.notify(
            outcome.text,
            title=outcome.command,
            severity="information" if outcome.ok else "error",
            markup=False,
        )


def _link(text: str) -> Content:
    """Make a border title that runs the action `log` on a click; `text` is not read as markup."""
    return Content.from_markup("[@click=app.log]$text[/]", text=text)
