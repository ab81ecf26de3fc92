"""The part of the dashboard that sends commands to the server.

The trace of the selected connection; kill, CAP, settings, recording, and the stop at the end.
"""

from __future__ import annotations

import os
import signal
from abc import abstractmethod
from typing import Any, Final

from textual.command import CommandPalette
from textual.screen import Screen

from ..core.commands import KillMode, TraceLevel
from ..core.events import CommandResult
from ..core.printable import printable, reason_of
from ..watch.job_control import has_job_control
from ..watch.requests import Requests
from ..watch.row import Row
from ..watch.screen_state import ScreenState
from ..watch.source import RecorderControl, Source
from .audit_screen import AuditScreen
from .connection_page import ConnectionPage
from .connection_table import ConnectionTable
from .dialogs import CapDialog, Dialog
from .fault_dialog import FaultDialog
from .finding_app import FindingApp
from .kill_dialog import KillDialog
from .preferences import Preferences
from .questions import EndRecordingDialog, QuitDialog, SuspendDialog
from .settings_dialog import SettingsDialog, Values

OF_ONE_SERVER: Final = (ConnectionPage, KillDialog, CapDialog, SettingsDialog, CommandPalette)
"""Screens that name connections or settings of one server: none of another may be changed."""


class CommandingApp(FindingApp):
    """An app that sends commands to the server that it shows."""

    def __init__(
        self,
        source: Source,
        preferences: Preferences,
        recorder: RecorderControl | None,
        control: str,
    ) -> None:
        """`control` is what ``--control`` of `ctl` takes for the server; empty if it has none."""
        super().__init__(source, preferences)
        self._recorder = recorder
        self._control = control
        self._requests = Requests(source.submit)
        self._traced: int | None = None
        self._shown_instance = ""

    @abstractmethod
    def refresh_view(self, anyway: bool = True) -> None:
        """Drain the source into the model and draw it."""

    @abstractmethod
    def _draw_selected(self, model: ScreenState, now: float) -> None:
        """Draw the selected connection."""

    @abstractmethod
    def action_pause(self) -> None:
        """Pause or resume the screen."""

    # --- which server ---

    @property
    def _instance(self) -> str:
        listening = self.model.listening
        return "" if listening is None else listening.instance

    def _follow_instance(self) -> None:
        """Forget the server that was shown if another one answers now."""
        if self._instance not in ("", self._shown_instance):
            before, self._shown_instance = self._shown_instance, self._instance
            if before:
                self._forget_server()

    def _forget_server(self) -> None:
        """Drop what is of the server before: another one answers, with its own ids and settings."""
        self._traced = None
        self._pane.forget_ids()
        stack = self.screen_stack
        lowest = next((one for one in stack if isinstance(one, OF_ONE_SERVER)), None)
        if lowest is not None:
            text = "another server answers now: the dialog was closed, and nothing was done"
            self._close(lowest, text)
        if self._frozen is not None:
            self.action_pause()

    def _close(self, dialog: Screen[Any], why: str) -> None:
        """Close a dialog, and what is open over it, such as the help; say why."""
        stack = self.screen_stack
        for _ in range(len(stack) - stack.index(dialog)):
            self.pop_screen()
        self.notify(why, severity="warning", markup=False)

    def _update_dialogs(self) -> None:
        """Show in each open dialog what is true now; close one that is about nothing any more."""
        for screen in self.screen_stack[1:]:
            if isinstance(screen, Dialog):
                why = screen.render_state(self.model, self._source.now())
                if why:
                    self._close(screen, why)
                    return

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
        shown = self.subject
        if shown is None:
            self.notify("no connection is selected", severity="warning")
            return
        row = self.model.rows.get(shown.id)  # a paused screen shows it as it was
        if row is None or row.closed is not None:
            self.notify(f"#{shown.id} is closed already", severity="warning")
        else:
            self._open_kill_dialog([row])

    def action_fault(self) -> None:
        """Open the dialog that gives the selected connection a fault on purpose."""
        shown = self.subject
        row = None if shown is None else self.model.rows.get(shown.id)
        if row is None or row.closed is not None:
            self.notify("no open connection is selected", severity="warning")
            return
        instance = self._instance

        def put(spec: str | None) -> None:
            if spec is not None:
                self._requests.fault(row.id, spec, instance)
                self._say_if_it_waits("fault")

        self.push_screen(FaultDialog(row, self._control), put)

    def action_kill_several(self) -> None:
        """Open the dialog that ends the tagged connections, or all that the filter shows."""
        table, shown_by = self._pane.table, self._pane.filter_bar.active
        if table.tagged:
            ids = sorted(table.tagged)
            hidden = len(table.tagged.difference(row.id for row in table.shown))
            why_these = f"tagged, {hidden:,} of them hidden by the filter" if hidden else "tagged"
        elif shown_by is not None:
            ids = [row.id for row in table.passing]
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
        instance = self._instance
        dialog = KillDialog(rows, instance, why_these, self._control)

        def kill(mode: KillMode | None) -> None:
            if mode is not None:
                self._requests.kill(dialog.open_ids, mode, instance)
                self._say_if_it_waits("kill")

        self.push_screen(dialog, kill)

    def action_cap(self) -> None:
        """Open the dialog for a new CAP."""
        instance = self._instance  # also if another one answers before the dialog does

        def change(cap: int | None) -> None:
            if cap is not None:
                self._requests.set("cap", cap, instance)
                self._say_if_it_waits("set")

        self.push_screen(CapDialog(self.model, self._source.now(), self._control), change)

    def action_settings(self) -> None:
        """Open the dialog for the timeouts and the write mode."""
        instance = self._instance

        def change(values: Values | None) -> None:
            for name, value in (values or {}).items():
                self._requests.set(name, value, instance)
            if values:
                self._say_if_it_waits("set")

        self.push_screen(SettingsDialog(self.model.settings, self._control), change)

    def action_audit(self) -> None:
        """Open the list of all changes to the server."""
        self.push_screen(AuditScreen(self.model.audit.changes))

    def action_record(self) -> None:
        """Start or end a recording; ask before one ends that the command line asked for."""
        if self._recorder is None:
            self.notify("this dashboard cannot record", severity="warning")
        elif (file := self._recorder.planned) is None:
            self._toggle_recording()
        elif isinstance(self.screen, EndRecordingDialog):
            self.screen.confirm()
        else:
            name = printable(str(file), 200)
            recorder = self._recorder
            dialog = EndRecordingDialog(
                name, self.keys["record"], self._control, lambda: recorder.planned is not None
            )
            self.push_screen(dialog, self._end_recording)

    def _end_recording(self, sure: bool | None) -> None:
        # It may have ended by itself since the question: then this would begin another.
        if sure and self._recorder is not None and self._recorder.planned is not None:
            self._toggle_recording()

    def _toggle_recording(self) -> None:
        assert self._recorder is not None
        try:
            self.notify(self._recorder.toggle(), title="record", markup=False)
        except OSError as error:
            text = f"not recorded: {reason_of(error)}"
            self.notify(text, title="record", severity="error", markup=False)
        self.refresh_view()

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

    def action_suspend(self) -> None:
        """Stop this program until `fg`; ask first if a server stands still with it."""
        if not has_job_control():
            text = "there is no shell that could bring it back: not suspended"
            self.notify(text, severity="warning")
        elif isinstance(self.screen, SuspendDialog):
            self.screen.confirm()
        elif self._source.owns_server and not self.model.ended:
            self.push_screen(
                SuspendDialog(self.model.open), lambda sure: self._suspend() if sure else None
            )
        else:
            self._suspend()

    def _suspend(self) -> None:
        # As the terminal does it for Ctrl-Z: to the whole group, with what started this program.
        os.killpg(os.getpgrp(), signal.SIGTSTP)

    # --- results ---

    def _say_if_it_waits(self, command: str) -> None:
        """Say that a command was sent to a loop that is held."""
        if self.model.held is not None:
            self.notify(self.model.held.delays(command), title=command, severity="warning")

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
