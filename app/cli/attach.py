"""`echo-tui attach`: the dashboard, here, of a server that runs elsewhere on this machine."""

from __future__ import annotations

from typing import Any

import click

from ..control.address import AddressError, as_option, choose_socket, describe_running
from ..control.client_side.attached_source import AttachedSource
from ..control.client_side.control_client import ControlError, NobodyThere
from ..core.settings import SettingError
from .configuration import ConfiguredCommand, file_option
from .dashboard import dashboard_preferences, require_terminal, run_dashboard
from .options import client_options, ui_options
from .say import say


@click.command(cls=ConfiguredCommand)
@client_options
@ui_options
@click.option("--read-only", is_flag=True, help="Only look: no key changes the server.")
@click.option("--say", "says", is_flag=True, help="Lines instead of a screen, for a screen reader.")
@file_option
def attach(control: str | None, read_only: bool, says: bool, **_of_the_dashboard: Any) -> int:
    """The dashboard, on a server that runs already.

    The server goes on when the dashboard ends. Up to 32 clients may be attached.

    With --say it needs no terminal: a line tells when a connection gets stuck, goes on, or ends
    badly, at most one a second, and a line on stdin is a command: why 9, list stuck, kill 9, help,
    quit.
    """
    if says:
        source = _attached(control, read_only)
        try:
            return say(source)
        finally:
            source.close()
    require_terminal("use `echo-tui ctl` for scripts, or --say for lines")
    preferences = dashboard_preferences()
    source = _attached(control, read_only, closed=True)
    title = "echo-tui attach, read-only" if read_only else "echo-tui attach"
    # Textual is slow to import: it is not needed where there is nothing to show.
    from ..ui.app import EchoApp

    control = as_option(source.address)
    kept = preferences.rewind
    app = EchoApp(source, title, preferences, recorder=source, control=control, rewind=kept)
    try:
        code = run_dashboard(app)
    finally:
        goes_on = source.is_linked
        source.close()
    if goes_on and code == 0:
        print(f"detached: the server at {source.address} goes on")
    return code


def _attached(control: str | None, read_only: bool, closed: bool = False) -> AttachedSource:
    try:
        return AttachedSource(choose_socket(control), read_only, closed=closed)
    except NobodyThere as error:
        raise SettingError(f"{error}; {describe_running()}") from None
    except (ControlError, AddressError) as error:
        raise SettingError(str(error)) from None
