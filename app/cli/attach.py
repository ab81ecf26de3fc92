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


@click.command(cls=ConfiguredCommand)
@client_options
@ui_options
@click.option("--read-only", is_flag=True, help="Only look: no key changes the server.")
@file_option
def attach(control: str | None, read_only: bool, **_of_the_dashboard: Any) -> int:
    """The dashboard, on a server that runs already.

    The server goes on when the dashboard ends. Any number of them may be attached.
    """
    require_terminal("use `echo-tui ctl` for scripts")
    preferences = dashboard_preferences()
    try:
        source = AttachedSource(choose_socket(control), read_only)
    except NobodyThere as error:
        raise SettingError(f"{error}; {describe_running()}") from None
    except (ControlError, AddressError) as error:
        raise SettingError(str(error)) from None
    title = "echo-tui attach, read-only" if read_only else "echo-tui attach"
    # Textual is slow to import: it is not needed where there is nothing to show.
    from ..ui.app import EchoApp

    control = as_option(source.address)
    app = EchoApp(source, title, preferences, recorder=source, control=control)
    try:
        code = run_dashboard(app)
    finally:
        goes_on = source.is_linked
        source.close()
    if goes_on and code == 0:
        print(f"detached: the server at {source.address} goes on")
    return code
