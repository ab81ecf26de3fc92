"""The one way to open a dashboard, for `serve`, `demo`, `attach` and `replay`.

A command first calls `require_terminal` and `dashboard_preferences`, so that a mistake opens
nothing. `run_dashboard` then shows the screen: each stop signal closes it as the key for quitting
does, and the terminal is restored however the screen ends.
"""

from __future__ import annotations

import codecs
import dataclasses
import locale
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import click

from ..core.settings import SettingError
from ..core.spawn import STOP_SIGNALS, stop_signals_blocked
from ..core.words.language import choose_language
from .configuration import chosen_ui, place_of_ui
from .output import mute_stuck_terminals
from .signals import stop_signals, stop_signals_delivered

if TYPE_CHECKING:
    from ..ui.app import EchoApp
    from ..ui.preferences import Preferences

WITHOUT_A_CURSOR: Final = ("dumb", "unknown")
"""Values of TERM that name a terminal without cursor movement."""


def require_terminal(instead: str) -> None:
    """Raise `SettingError` where no dashboard can be drawn; `instead` says what to do there."""
    # Textual reads the keys from stdin and draws on stderr.
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise SettingError(f"the dashboard needs a terminal: {instead}")
    if (term := os.environ.get("TERM", "")) in WITHOUT_A_CURSOR:
        raise SettingError(f"the dashboard cannot draw on TERM={term}: {instead}")


def dashboard_preferences() -> Preferences:
    """Return the preferences of the file and the options of the command that runs.

    ASCII is the default where the locale is not UTF-8, and is forced where stderr cannot encode
    anything else. Raises `SettingError`.
    """
    from ..ui.preferences import Preferences

    ctx = click.get_current_context()
    chosen = chosen_ui(ctx)
    chosen.setdefault("ascii", not _is_utf8(locale.getencoding()))
    if not _is_utf8(sys.stderr.encoding):
        chosen["ascii"] = True
    chosen.setdefault("lang", choose_language(os.environ))
    if chosen["ascii"]:
        chosen["lang"] = "en"  # ASCII has no other letters
    return dataclasses.replace(Preferences.from_mapping(chosen), kept_in=place_of_ui(ctx))


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name == "utf-8"


def run_dashboard(
    app: EchoApp,
    start: Callable[[], None] = lambda: None,
    stop: Callable[[str, bool], None] = lambda _cause, _at_once: None,
    finish: Callable[[], None] = lambda: None,
) -> int:
    """Show `app` until a person or a signal closes it, and return its exit code.

    `start` starts what `app` shows. `stop` is called with the cause and whether to stop at once: by
    each signal, or once the screen is gone. `finish` waits for the end. To be called in the main
    thread.
    """
    import asyncio

    signals: list[str] = []

    def leave(name: str) -> None:
        signals.append(name)
        stop(name, len(signals) > 1)  # at once: the screen may take a while to close
        app.exit(0)

    async def show() -> None:
        loop = asyncio.get_running_loop()
        # The loop must be woken to see a signal, which only asyncio's own handlers do.
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, leave, signal.Signals(number).name)
        with stop_signals_delivered():
            await app.run_async(mouse=app.has_mouse)

    # At each moment a signal is either blocked, and waits, or has a handler of ours.
    with stop_signals_blocked():
        start()
        try:
            asyncio.run(show())
        finally:
            with stop_signals(stop, asked=bool(signals)), stop_signals_delivered():
                if not signals:
                    stop("quit", False)
                finish()
        mute_stuck_terminals()
    return app.return_code or 0
