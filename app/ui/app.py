"""The dashboard: one timer drains the source into the model and shows the model.

Keys only send commands. The screen changes when the server's event comes back, so a live, an
attached and a replayed server behave alike on the screen.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar, Final

from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from ..watch.explanations import HEADER
from ..watch.screen_state import ScreenState
from ..watch.source import RecorderControl, Source
from . import palette
from .actions import Keys, signs
from .attention import Attention, StuckCounter
from .bytes_page import BytesPage
from .charts import charts
from .chop_page import ChopPage
from .connection_page import NOT_IN_ITS_HELP, NOT_ON_A_PAGE, ConnectionPage
from .detail_panel import DetailPanel
from .dialogs import FailureScreen
from .event_panels import EventLog, LogLines, RecentEvents
from .finding_app import NOT_OF_CLOSED
from .groups_screen import GroupsScreen
from .header_panel import HeaderPanel, header_figures
from .help_screen import HelpScreen, help_for
from .hex_panel import HexPanel
from .key_bar import KeyBar
from .looking_app import CHARTING, LOOPING
from .preferences import Preferences
from .questions import QuitDialog
from .rewinding_app import RewindingApp
from .terminal import TerminalDriver
from .topics import (
    EXPLAINED,
    Topic,
    of_charts,
    of_columns,
    of_event,
    of_groups,
    of_header,
    of_loop,
    of_row,
    of_the_rest,
    put_first,
)
from .workers_panel import WorkersPanel

SMALLEST: Final = (60, 15)
"""Columns and lines below which the dashboard only says that it needs more."""
WIDE: Final = 140
"""Columns from which on detail and events stand side by side."""
NARROW: Final = 100


class EchoApp(RewindingApp):
    """The dashboard of one server. Its return value is the exit code."""

    CSS_PATH = "echo.tcss"
    NOT_HERE: ClassVar[frozenset[str]] = frozenset()
    """Actions that this dashboard does not have."""
    NO_BYTES: ClassVar[str] = ""
    """Why the bytes of peers cannot be asked for; empty where they can."""
    MAY_RING: ClassVar[bool] = True
    """Whether the bell may ring: what is shown happens now."""

    def __init__(
        self,
        source: Source,
        title: str = "echo-tui",
        preferences: Preferences | None = None,
        recorder: RecorderControl | None = None,
        control: str = "",
        clock: Callable[[], float] = time.monotonic,
        rewind: int = 0,
    ) -> None:
        """Make the dashboard of `source`; `title` is the title of the terminal window.

        Without a `recorder` nothing can be recorded. `control` is what ``--control`` of `ctl` takes
        for the server; `clock` times a pause. `rewind` bytes are kept for going back in time.
        """
        super().__init__(source, preferences or Preferences(), recorder, control)
        self.title = title
        chosen = preferences or Preferences()
        self._attention = Attention(title, chosen.notify and self.MAY_RING)
        self._stuck_counter = StuckCounter()
        self._rewind_size = rewind
        self._header = HeaderPanel(id="header")
        self._workers_panel = WorkersPanel()
        self._detail = DetailPanel(id="detail")
        self._recent = RecentEvents(id="recent", title="recent events")
        self._hex = HexPanel(id="hex")
        self._events = EventLog(id="log")
        self._make_lower_panels()
        self._banner_shown = ""
        self._clock = clock
        self._paused_at = 0.0
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
        yield self._loop_panel
        yield self._too_small
        yield KeyBar(self.NOT_HERE)

    def on_mount(self) -> None:
        """Start the refreshes."""
        self._pane.table.focus()
        self.keep_the_past(self._rewind_size)
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
        table = self._pane.table
        self.model.pin(None if table.shows_closed else table.selected_id)
        drained = self._source.drain()
        for result in self.model.apply(drained, now):
            self._report(result)
        self._hear_for_later(drained)
        if isinstance(self.open_page, BytesPage):
            for event in drained.events:
                self.open_page.apply(event)
        self._follow_instance()
        failure = self._source.failure()
        if failure is not None and not isinstance(self.screen, FailureScreen):
            self.push_screen(FailureScreen(failure))
        if self.is_drawing_due() or anyway:
            self._update_dialogs()
            self._tell_terminal(now)
            self._draw(*(self._shown_past() or self._frozen or (self.model, now)))

    def _tell_terminal(self, now: float) -> None:
        """Tell in the terminal's title how many connections are stuck; ring if more are."""
        if isinstance(self._driver, TerminalDriver):
            model = self.model
            stuck = self._stuck_counter.count(model, now)
            absent = bool(model.gone or model.crashed)
            told = self._attention.tell(stuck, absent, time.monotonic())
            self._driver.set_title(told.title)
            if told.rings:
                self.bell()

    def _draw(self, model: ScreenState, now: float) -> None:
        if not self._header.is_attached or self.screen_stack[0].has_class("too-small"):
            return
        self._pace.note_drawing(time.monotonic(), self.model.membership)
        self._open_loop_once()
        self._follow_hold()
        self._look()
        self._keep_the_focus()
        mode, style = self._mode()
        if self._recorder is not None and self._recorder.path is not None:
            mode, style = f"● REC  {mode}", palette.ALARM
        self._header.render_state(model, now, mode, style, self._pace.word)
        self._workers_panel.render_state(model)
        if isinstance(self.screen, QuitDialog) and not self.model.open:
            self.exit(0, return_code=0)  # no connection is left that a stop could end
        self._pane.table.held = len(self.screen_stack) > 1
        self._pane.render_state(model, now)
        if not self._draw_lower(model):
            self._draw_selected(model, now)
            self._events.render_state(model)
        self._update_banner(now)
        page = self.open_page
        if page is not None:
            page.render_state(model, now, mode)

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
        behind, resumes = self._clock() - self._paused_at, signs(self.keys, "pause")
        stands = f"PAUSED {behind:.0f} s ago: the screen stands still, the server goes on."
        return f"{stands} {resumes} resumes"

    def _draw_selected(self, model: ScreenState, now: float) -> None:
        row = self._pane.table.selected_of(model)
        self._detail.render_row(row, now, model.cap)
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
        if self.is_in_the_past:
            held = " HELD" if self.shown_model()[0].held is not None else ""
            return f"−{self._seconds_back:.0f} s{held}", palette.ALARM  # noqa: RUF001
        if self._frozen is not None:
            return "PAUSED", palette.ALARM
        if model.held is not None:
            return "HELD", palette.ALARM
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

    def action_filter(self) -> None:
        """Open the field for a filter; charts that hide the table give way to it."""
        if not self._pane.display:
            self.leave_lower()
        if not self.screen_stack[0].has_class("too-small"):
            super().action_filter()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action exists at present.

        On a page there is no table to act on; a wide screen shows detail and log side by side;
        closed connections cannot be killed, and no view is of them.
        """
        if action == "log" and self.size.width >= WIDE:
            return False
        if action in NOT_OF_CLOSED and self._pane.table.shows_closed:
            return False
        if action in NOT_ON_A_PAGE and self.open_page is not None:
            return False
        return super().check_action(action, parameters)

    def action_open(self) -> None:
        """Open the selected connection as a page of its own."""
        row = self.subject
        if row is None:
            self.notify("no connection is selected", severity="warning")
            return
        self.push_screen(ConnectionPage(row, self.NOT_HERE))
        self.call_after_refresh(self.refresh_view)

    @property
    def _help_keys(self) -> Keys:
        gone = frozenset() if self.open_page is None else NOT_IN_ITS_HELP
        return {name: keys for name, keys in self.keys_here.items() if name not in gone}

    @property
    def _help_here(self) -> str:
        return help_for(self.focused or self.screen)

    def action_help(self) -> None:
        """Open the help: what is focused, explained, then all keys and all explanations."""
        model, now = self.shown_model()
        notices = [] if model.listening is None else [*model.listening.notes]
        if self._banner_shown:
            notices.insert(0, self._banner_shown)
        figures = header_figures(model, now)
        header = " · ".join(f"{label} {value}" for label, value in figures.items())
        self.push_screen(
            HelpScreen(
                self._help_keys, self._help_here, self._topics(), notices, header, self.language
            )
        )

    def _topics(self) -> list[Topic]:
        """Return what `?` explains, that which is focused first."""
        model, now = self.shown_model()
        row, table = self.subject, self._pane.table
        mode = self._mode()[0]
        figures = header_figures(model, now) | {word: mode for word in HEADER if word in mode}
        found = [
            *(of_row(row, now) if row is not None else []),
            *of_columns((column.key for column in table.columns), row, now),
            *of_header(figures),
            *of_the_rest(),
        ]
        event = self.focused.selected if isinstance(self.focused, LogLines) else None
        if event is not None:
            return [of_event(event), *found]
        if isinstance(self.screen, GroupsScreen):
            return put_first(of_groups(), found)
        if self.open_page is None and self.screen_stack[0].has_class(CHARTING):
            return put_first(of_charts(charts(model)), found)
        if self.open_page is None and self.screen_stack[0].has_class(LOOPING):
            return put_first(of_loop(model.held), found)
        if self.open_page is None and table.chosen_column:
            at = [topic.explained for topic in found].index(EXPLAINED[table.chosen_column])
            return found[at:] + found[:at]
        return found

    def action_pause(self) -> None:
        """Pause or resume the screen; the model goes on applying events."""
        if self._frozen is None:
            self._frozen = (self.model.frozen(), self._source.now())
            self._paused_at = self._clock()
        else:
            self._frozen = None
        self.screen_stack[0].set_class(self._frozen is not None, "paused")
        self.refresh_view()

    def action_log(self) -> None:
        """Switch between detail and events in a terminal without room for both."""
        self.screen_stack[0].toggle_class("log-first")
        self._name_the_other_panel()
        self.call_after_refresh(self.refresh_view)

    def action_undo(self) -> None:
        """Leave charts or loop, or else go back to what the table showed before."""
        if self.is_looking:
            self.leave_lower()
            self.call_after_refresh(self.refresh_view)
        elif self._pane.table.shows_closed:
            self.action_closed()
        else:
            super().action_undo()

    def action_bytes(self) -> None:
        """Open the page of the bytes that are kept of a connection, or ask for them again."""
        self._open_bytes(BytesPage)

    def action_chop_map(self) -> None:
        """Open the map of a connection's reads, or ask for them again."""
        self._open_bytes(ChopPage)

    def _open_bytes(self, kind: type[BytesPage]) -> None:
        row, shown = self.subject, self.screen
        if row is None:
            self.notify("no connection is selected", severity="warning")
            return
        if type(shown) is kind:
            page = shown
        else:
            if isinstance(shown, BytesPage):
                self.pop_screen()
            page = kind(row, self.NOT_HERE, self._control, self.NO_BYTES)
            self.push_screen(page)
        if not self.NO_BYTES:
            request = self._requests.read_bytes(page.row.id, self._instance)
            page.expect(request)
        self.call_after_refresh(self.refresh_view)

    def action_last_bytes(self) -> None:
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


def _link(text: str) -> Content:
    """Make a border title that runs the action `log` on a click; `text` is not read as markup."""
    return Content.from_markup("[@click=app.log]$text[/]", text=text)
