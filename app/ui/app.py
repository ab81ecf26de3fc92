"""The dashboard: one timer drains the source into the model and shows the model.

Keys only send commands. What they did is seen when the server's event has come back, so a live, an
attached and a replayed server look and feel the same.
"""

from __future__ import annotations

import time
from typing import ClassVar, Final

from rich.style import Style
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Footer, Static

from app.events import CommandResult, KillMode, State, TraceLevel
from app.ui import palette
from app.ui.audit_screen import AuditScreen
from app.ui.columns import SORT_KEYS
from app.ui.connection_table import ConnectionPane, ConnectionTable
from app.ui.detail_panel import DetailPanel
from app.ui.dialogs import CapDialog, DeadServerScreen, HelpScreen, KillDialog
from app.ui.event_panels import EventLog, RecentEvents
from app.ui.export import as_csv, as_json, write_files
from app.ui.header_panel import HeaderPanel
from app.ui.keys import KEYS
from app.ui.model import Model
from app.ui.pace import next_delay
from app.ui.requests import Requests
from app.ui.rows import Row
from app.ui.settings_dialog import SettingsDialog, Values
from app.ui.source import RecorderControl, Source

SMALLEST: Final = (60, 15)
"""Columns and lines below which the dashboard only says that it needs more."""
WIDE: Final = 140
"""Columns from which on detail and events stand side by side."""
NARROW: Final = 100


class EchoApp(App[int]):
    """The dashboard of one server. Its return value is the exit code."""

    CSS_PATH = "echo.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "kill", "Kill"),
        Binding("K", "kill_several", "Kill several", show=False),
        Binding("c", "cap", "CAP"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("f", "toggle_filter", "Filter on/off", show=False),
        Binding("p", "pause", "Pause"),
        Binding("s", "sort", "Sort"),
        Binding("r", "reverse", "Reverse", show=False),
        Binding("l", "log", "Log"),
        Binding("question_mark,f1", "help", "Help", key_display="?"),
        Binding("q", "quit", "Quit"),
        Binding("t", "settings", "Timeouts"),
        Binding("a", "audit", "Audit"),
        Binding("e", "export", "Export"),
        Binding("S", "export_screen", "Export screen", show=False),
        Binding("R", "record", "Record", show=False),
    ]

    def __init__(
        self, source: Source, title: str = "echo-tui", recorder: RecorderControl | None = None
    ) -> None:
        """`source` is the server to show; `title` names the terminal's window; without a
        `recorder` nothing can be recorded.
        """
        super().__init__()
        self.register_theme(palette.THEME)
        self.theme = palette.THEME.name
        self.title = title
        self.model = Model()
        self._source = source
        self._recorder = recorder
        self._frozen: tuple[Model, float] | None = None
        """What a paused screen shows: the model and the time at which it was paused."""
        self._requests = Requests(source.submit)
        self._traced: int | None = None
        self._cpu_at_refresh = time.thread_time()
        self._header = HeaderPanel(id="header")
        self._pane = ConnectionPane()
        self._detail = DetailPanel(id="detail")
        self._recent = RecentEvents()
        self._events = EventLog()
        self._too_small = Static("", id="too-small", markup=False)

    def compose(self) -> ComposeResult:
        """Header, table, detail and events, footer."""
        yield self._header
        yield Static("", id="banner", markup=False)
        yield self._pane
        with Horizontal(id="lower"):
            yield self._detail
            with Vertical(id="side"):
                yield self._recent
                yield self._events
        yield self._too_small
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin to refresh."""
        self._pane.table.focus()
        self.call_after_refresh(self._refresh_and_go_on)

    # --- refreshing ---

    def _refresh_and_go_on(self) -> None:
        """Refresh, and again after a pause that depends on what the screen cost meanwhile."""
        cpu = time.thread_time()
        work, self._cpu_at_refresh = cpu - self._cpu_at_refresh, cpu
        self.refresh_view()
        rates = self.model.rates
        delay = next_delay(work, 0.0 if rates is None else rates.loop_share)
        self.set_timer(delay, self._refresh_and_go_on)

    def refresh_view(self) -> None:
        """Take in what has gathered and show it; a paused screen takes in without showing."""
        now = self._source.now()
        for result in self.model.apply(self._source.drain(), now):
            self._report(result)
        failure = self._source.failure()
        if failure is not None and not isinstance(self.screen, DeadServerScreen):
            self.push_screen(DeadServerScreen(failure))
        self._show(*(self._frozen or (self.model, now)))

    def _show(self, model: Model, now: float) -> None:
        if not self._header.is_attached or self.screen_stack[0].has_class("too-small"):
            return
        mode, style = self._mode()
        if self._recorder is not None and self._recorder.path is not None:
            mode, style = f"● REC  {mode}", palette.ALARM
        self._header.show_model(model, now, mode, style)
        self._pane.table.held = len(self.screen_stack) > 1
        self._pane.show(model, now)
        self._show_selected(model, now)
        self._events.show_model(model)
        if self._frozen is not None:
            behind = self._source.now() - now
            self.screen_stack[0].query_one("#banner", Static).update(
                f"PAUSED {behind:.0f} s ago: the screen stands still, the server goes on. p resumes"
            )

    def _show_selected(self, model: Model, now: float) -> None:
        selected = self._pane.table.selected_id
        row = None if selected is None else model.rows.get(selected)
        self._detail.show_row(row, now)
        self._recent.show_row(row)

    def _mode(self) -> tuple[str, Style]:
        model = self.model
        if model.crashed is not None:
            return "DEAD", palette.BROKEN
        if model.stopped is not None:
            return "STOPPED", palette.BROKEN
        if model.stopping is not None:
            return "STOPPING", palette.ALARM
        if self._frozen is not None:
            return "PAUSED", palette.ALARM
        return "● LIVE", palette.GOOD

    def on_resize(self, event: events.Resize) -> None:
        """Choose what is shown by the room that there is."""
        width, height = event.size
        screen = self.screen_stack[0]
        too_small = width < SMALLEST[0] or height < SMALLEST[1]
        screen.set_class(too_small, "too-small")
        screen.set_class(NARROW <= width < WIDE, "medium")
        screen.set_class(width < NARROW, "narrow")
        screen.set_class(height < 34, "short")
        screen.set_class(height < 24, "low")
        screen.set_class(height < 20, "tiny")
        self._too_small.update(
            f"this terminal has {width} columns and {height} lines\n"
            f"the dashboard needs {SMALLEST[0]} by {SMALLEST[1]}\n\n"
            "the server runs on; q quits"
        )
        self.call_after_refresh(self.refresh_view)

    # --- selection ---

    def on_connection_table_selected(self, message: ConnectionTable.Selected) -> None:
        """Trace the connection that is looked at, and no other."""
        if self._traced is not None and self._traced in self.model.rows:
            self._trace(self._traced, TraceLevel.OFF)
        self._traced = message.connection_id
        if self._traced is not None:
            self._trace(self._traced, TraceLevel.IO)
        model, now = self._frozen or (self.model, self._source.now())
        self._show_selected(model, now)

    def _trace(self, connection_id: int, level: TraceLevel) -> None:
        row = self.model.rows.get(connection_id)
        if row is not None and row.closed is None:
            self._requests.trace(connection_id, level)

    # --- actions ---

    def action_kill(self) -> None:
        """Ask whether and how to end the selected connection."""
        connection_id = self._pane.table.selected_id
        row = None if connection_id is None else self.model.rows.get(connection_id)
        if row is None:
            self.notify("no connection is selected", severity="warning")
            return
        if row.closed is not None:
            self.notify(f"#{row.id} is closed already", severity="warning")
            return
        self._ask_to_kill([row])

    def action_kill_several(self) -> None:
        """Ask whether and how to end the tagged connections, or all that the filter shows."""
        table, shown_by = self._pane.table, self._pane.filter_bar.active
        if table.tagged:
            ids = sorted(table.tagged)
            hidden = len(table.tagged.difference(row.id for row in table.shown))
            why_these = f"tagged, {hidden:,} of them hidden by the filter" if hidden else "tagged"
        elif shown_by is not None:
            ids = [row.id for row in table.shown]
            why_these = f"all that the filter shows: {shown_by.text}"
        else:
            self.notify("tag connections (space) or filter them (/) first", severity="warning")
            return
        rows = [row for row in map(self.model.rows.get, ids) if row and row.closed is None]
        if rows:
            self._ask_to_kill(rows, why_these)
        else:
            self.notify("none of them is open", severity="warning")

    def _ask_to_kill(self, rows: list[Row], why_these: str = "") -> None:
        ids = [row.id for row in rows]

        def kill(mode: KillMode | None) -> None:
            if mode is not None:
                self._requests.kill(ids, mode)

        self.push_screen(KillDialog(rows, why_these), kill)

    def action_cap(self) -> None:
        """Ask for a new CAP."""

        def change(cap: int | None) -> None:
            if cap is not None:
                self._requests.set("cap", cap)

        self.push_screen(CapDialog(self.model.cap, self._effect_of_cap), change)

    def action_settings(self) -> None:
        """Ask for new timeouts and write mode."""

        def change(values: Values | None) -> None:
            for name, value in (values or {}).items():
                self._requests.set(name, value)

        self.push_screen(SettingsDialog(self.model.settings), change)

    def action_audit(self) -> None:
        """Show what was done to the server."""
        self.push_screen(AuditScreen(self.model.audit.deeds))

    def _effect_of_cap(self, cap: int) -> str:
        """What a CAP would mean for the frames in flight, in words."""
        larger = sum(
            row.snapshot is not None
            and row.snapshot.state is State.READ_BODY
            and row.snapshot.body_length > cap
            for row in self.model.live()
        )
        if not larger:
            return "No body in flight is larger."
        bodies, are = ("body", "is") if larger == 1 else ("bodies", "are")
        return f"{larger:,} {bodies} in flight {are} larger and will still be echoed."

    def action_pause(self) -> None:
        """Stop the screen, or let it go on; the model takes events in all the while."""
        if self._frozen is None:
            self._frozen = (self.model.frozen(), self._source.now())
        else:
            self._frozen = None
        self.screen_stack[0].set_class(self._frozen is not None, "paused")
        self.refresh_view()

    def action_sort(self) -> None:
        """Sort by the next column that is shown."""
        table = self._pane.table
        shown = {column.key for column in table.columns}
        keys = [key for key in SORT_KEYS if key in shown]
        at = keys.index(table.sort_key) if table.sort_key in keys else -1
        table.sort_by(keys[(at + 1) % len(keys)])
        self.refresh_view()

    def action_reverse(self) -> None:
        """Turn the order round."""
        table = self._pane.table
        table.sort_by(table.sort_key)
        self.refresh_view()

    def action_filter(self) -> None:
        """Type a filter."""
        self._pane.open_filter()

    def action_toggle_filter(self) -> None:
        """Turn the filter off, or on again."""
        if not self._pane.filter_bar.toggle():
            self.notify("there is no filter yet: / makes one", severity="warning")

    def action_export(self) -> None:
        """Write what the table shows as JSON and as CSV."""
        _, now = self._frozen or (self.model, self._source.now())
        rows, chosen = self._pane.table.shown, self._pane.filter_bar.active
        filtered_by = "" if chosen is None else chosen.text
        self._write({"json": as_json(rows, now, filtered_by), "csv": as_csv(rows, now)})

    def action_export_screen(self) -> None:
        """Write the screen as SVG."""
        self._write({"svg": self.export_screenshot()})

    def action_record(self) -> None:
        """Begin to record what happens, or end that."""
        if self._recorder is None:
            self.notify("this dashboard cannot record", severity="warning")
            return
        try:
            self.notify(self._recorder.toggle(), title="record", markup=False)
        except OSError as error:
            text = f"not recorded: {error.strerror or error}"
            self.notify(text, title="record", severity="error", markup=False)
        self.refresh_view()

    def _write(self, contents: dict[str, str]) -> None:
        try:
            paths = write_files(self._source.now(), contents)
        except OSError as error:
            where = f": {error.filename}" if error.filename else ""
            text = f"not written: {error.strerror or error}{where}"
            self.notify(text, title="export", severity="error", markup=False)
            return
        names = " and ".join(path.name for path in paths)
        self.notify(f"{names}, in {paths[0].parent}", title="export", markup=False)

    def action_log(self) -> None:
        """Where there is no room for both, change between detail and events."""
        self.screen_stack[0].toggle_class("log-first")
        self.call_after_refresh(self.refresh_view)

    def action_help(self) -> None:
        """Show all keys."""
        self.push_screen(HelpScreen(KEYS))

    async def action_quit(self) -> None:
        """End the dashboard in good order; after a death of the server with exit code 1."""
        failed = self._source.failure() is not None
        self.exit(int(failed), return_code=int(failed))

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
