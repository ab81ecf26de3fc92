"""`echo-tui attach`: the dashboard, here, of a server that runs elsewhere on this machine."""

from __future__ import annotations

import asyncio
import importlib
import signal
import sys
from typing import Any

import click

from ..control.address import AddressError, choose, who_runs
from ..control.client_side.attached_source import AttachedSource
from ..control.client_side.control_client import ControlError, NobodyThere
from ..core.settings import SettingError
from ..ui.preferences import Preferences
from .configuration import ConfiguredCommand, chosen_ui, file_option
from .options import client_options, ui_options


@click.command(cls=ConfiguredCommand)
@client_options
@ui_options
@click.option("--read-only", is_flag=True, help="Only look: no key changes the server.")
@file_option
def attach(control: str | None, read_only: bool, **_of_the_dashboard: Any) -> int:
    """The dashboard, on a server that runs already.

    The server goes on when the dashboard ends. Any number of them may be attached.
    """
    # Textual reads the keys from stdin and draws on stderr.
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise SettingError("attach needs a terminal: use `echo-tui ctl` for scripts")
    preferences = Preferences.from_mapping(chosen_ui(click.get_current_context()))
    try:
        source = AttachedSource(choose(control), read_only)
    except NobodyThere as error:
        raise SettingError(f"{error}; {who_runs()}") from None
    except (ControlError, AddressError) as error:
        raise SettingError(str(error)) from None
    title = "echo-tui attach, read-only" if read_only else "echo-tui attach"
    # Textual is loaded only once it is clear that there is something to show.
    screen = importlib.import_module("..ui.app", __package__).EchoApp(source, title, preferences)
    try:
        asyncio.run(_show(screen))
    finally:
        goes_on = source.is_linked
        source.close()
    if goes_on and screen.return_value == 0:
        print(f"detached: the server at {source.address} goes on")
    return screen.return_code or 0


async def _show(screen: Any) -> None:
    # A signal must not leave the terminal as the screen has set it.
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, screen.exit)
    await screen.run_async()
