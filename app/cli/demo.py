"""`echo-tui demo`: the server with a dashboard, and clients that show every state."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from ..core.printable import printable
from .configuration import file_option
from .dashboard import dashboard_preferences, require_terminal
from .exit_codes import EXIT_FAILED
from .options import control_options, metrics_option, record_options, server_options, ui_options
from .serve import ServerCommand, serve_with_dashboard, split_options

if TYPE_CHECKING:
    from ..server.handle import ServerHandle

END_TIMEOUT: Final = 3.0
"""Seconds that the clients have to end after they were asked to."""


@click.command(cls=ServerCommand)
@server_options
@ui_options
@metrics_option
@control_options
@record_options
@file_option
@click.option("--quiet", is_flag=True, help="No captions, and no cursor that follows them.")
def demo(quiet: bool, **options: Any) -> int:
    """The dashboard, and built-in clients that show every state."""
    source = click.get_current_context().get_parameter_source("port")
    if source is click.core.ParameterSource.DEFAULT:
        options["port"] = 0
    settings, sidecars = split_options(options)
    preferences = dashboard_preferences()
    require_terminal("run the demo in one, or `echo-tui --no-ui` without one")
    complaints: list[str] = []

    def accompany(server: ServerHandle) -> Callable[[], None]:
        from ..load.demo_clients import start_clients

        clients = start_clients(server.host, server.port)
        return lambda: complaints.extend(end_clients(clients))

    code = serve_with_dashboard(settings, sidecars, preferences, accompany, guided=not quiet)
    if complaints:
        print(f"echo-tui demo: the clients failed: {complaints[-1]}", file=sys.stderr)
        return EXIT_FAILED
    return code


def end_clients(clients: subprocess.Popen[bytes]) -> list[str]:
    """End the clients, and return the lines of stderr: none if all was well."""
    try:
        _, errors = clients.communicate(timeout=END_TIMEOUT)
    except subprocess.TimeoutExpired:
        clients.kill()
        _, errors = clients.communicate()
    lines = errors.decode(errors="backslashreplace").split("\n")
    return [printable(line, 200) for line in lines if line.strip()]
