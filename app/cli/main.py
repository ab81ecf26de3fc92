"""The command line: the only place that wires server, screen and log together."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import os
import re
import signal
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from .. import __version__
from ..core.addresses import format_address
from ..core.printable import printable
from ..core.settings import SettingError, Settings
from ..core.spawn import STOP_SIGNALS, stop_signals_blocked
from ..host.runtime import Hosting, Sidecars, take_company
from ..ui.preferences import Preferences
from .configuration import ConfiguredCommand, chosen_ui, file_option, show_option
from .options import control_options, metrics_option, server_options, ui_options
from .output import (
    flush,
    is_terminal_lost,
    open_what_is_closed,
    print_whatever_the_encoding,
    unwritable,
)
from .recording_options import record_options
from .signals import LOOK_INTERVAL, stop_signals

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

EXIT_CRASH = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class ServerCommand(ConfiguredCommand):
    """Takes ``-1`` for a port that is out of range, not for an unknown option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if re.fullmatch(r"-\d", error.option_name):
                raise click.UsageError(
                    f"PORT {error.option_name} is out of range: it must be 0 to 65,535"
                ) from None
            raise


COMMANDS: Final = {
    "attach": ".attach:attach",
    "client": ".client:client",
    "completion": ".completion:completion",
    "ctl": ".ctl.ctl_commands:ctl",
    "load": ".load:load",
    "replay": ".replay:replay",
}
"""Commands that live in modules of their own, ``module:function``, imported when they are run."""


class DefaultToServe(click.Group):
    """``echo-tui [OPTIONS] [HOST] [PORT]`` needs no command word."""

    @property
    def known_words(self) -> set[str]:
        """The words that are commands and not hosts."""
        return {*self.commands, *COMMANDS}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self.known_words)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, function = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module, __package__), function)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and ctx.resilient_parsing:
            return super().parse_args(ctx, args)  # completing the first word: `shell_complete`
        if not args or (args[0] not in self.known_words and args[0] not in ("--help", "--version")):
            args = ["serve", *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The first word is a command, or else what `serve` begins with."""
        own = super().shell_complete(ctx, incomplete)
        words = {item.value for item in own}
        served = serve.shell_complete(ctx, incomplete)
        return own + [item for item in served if item.value not in words]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        serve.format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


@click.group(
    cls=DefaultToServe,
    subcommand_metavar="[HOST] [PORT] | COMMAND",
    context_settings={"max_content_width": 100},
)
@click.version_option(__version__, prog_name="echo-tui")
def cli() -> None:
    """A length-prefixed non-blocking echo server whose inside you can watch.

    Serves on HOST (default 127.0.0.1) and PORT (default 9000; 0 = any free one) with a dashboard
    in this terminal, or without one (--no-ui).
    """


@cli.command(cls=ServerCommand, hidden=True)
@server_options
@ui_options
@metrics_option
@control_options
@record_options
@click.option("--no-ui", is_flag=True, help="No dashboard: event lines on stdout.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Of the event lines.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    callback=lambda ctx, _, level: level or ("info" if ctx.params["trace"] == "off" else "debug"),
    help="Event lines of that level and above.  [default: info; with --trace debug]",
)
@file_option
@show_option
def serve(no_ui: bool, log_format: str, log_level: str, **options: Any) -> int:
    """Serve, with the dashboard or without."""
    preferences, company = _take_preferences(options), take_company(options)
    settings = Settings(**options)
    if no_ui:
        return run_headless(settings, company, log_format, log_level)
    return run_dashboard(settings, company, preferences)


@cli.command(cls=ServerCommand)
@server_options
@ui_options
@metrics_option
@control_options
@record_options
@file_option
def demo(**options: Any) -> int:
    """The dashboard, and built-in clients that show every state."""
    options["port"] = options["port"] if _given("port") else 0
    preferences, company = _take_preferences(options), take_company(options)
    return run_dashboard(Settings(**options), company, preferences, with_clients=True)


def _take_preferences(options: dict[str, Any]) -> Preferences:
    """What the file and the options say of the dashboard. Raises `SettingError`."""
    for name in ("theme", "ascii"):
        del options[name]
    chosen = chosen_ui(click.get_current_context())
    return dataclasses.replace(Preferences.from_mapping(chosen), ascii=chosen.get("ascii"))


def _given(name: str) -> bool:
    source = click.get_current_context().get_parameter_source(name)
    return source is not click.core.ParameterSource.DEFAULT


def run_headless(settings: Settings, company: Sidecars, log_format: str, log_level: str) -> int:
    """Serve until a signal; the exit code."""
    from ..host.log import LogWriter, as_json, as_text
    from ..host.operating import reloader
    from ..host.systemd import Notifier, passed_socket

    hosting = Hosting(settings, company, passed_socket(os.environ))
    server = hosting.server
    systemd = hosting.fanout.subscribe(Notifier(os.environ, partial(hosting.tell, "warning")))
    status = f"listening on {format_address((server.host, server.port))}"
    lines = as_json if log_format == "json" else as_text
    log = LogWriter(hosting.subscribe(), sys.stdout.fileno(), lines, log_level)
    reload = reloader(server.submit, hosting.tell, log, systemd, status)
    with stop_signals(server.stop, reload):
        with stop_signals_blocked():
            hosting.start()
            log.start()
        systemd.ready(status)
        while not server.join(LOOK_INTERVAL):
            systemd.beat(server.polls, server.watch)
        hosting.end()
        log.join(timeout=1.0)
    return _exit_code(hosting)


def run_dashboard(
    settings: Settings, company: Sidecars, preferences: Preferences, with_clients: bool = False
) -> int:
    """Serve with the dashboard in this terminal; the exit code."""
    # Textual reads the keys from stdin and draws on stderr.
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise SettingError("the dashboard needs a terminal: use --no-ui for event lines on stdout")
    import asyncio

    from ..load.demo_clients import start_clients
    from ..ui.app import EchoApp
    from ..watch.source import StreamSource

    hosting = Hosting(settings, company)
    server = hosting.server
    told = hosting.subscribe(watched=True)
    source = StreamSource(
        told, hosting.submit, server.now, failure=hosting.failure, grace=settings.grace
    )
    screen = EchoApp(source, preferences=preferences, recorder=hosting.recordings)

    cause = "quit"

    def leave(signal_name: str) -> None:
        nonlocal cause
        cause = signal_name
        screen.exit(0)

    async def show() -> None:
        # Textual's loop must be woken to see a signal, which only its own handlers do.
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, leave, signal.Signals(number).name)
        await screen.run_async()

    complaint = ""
    clients = start_clients(server.host, server.port) if with_clients else None
    with stop_signals(server.stop):
        with stop_signals_blocked():
            hosting.start()
        try:
            asyncio.run(show())
        finally:
            # Once the screen is gone, signals are handled as without one.
            with stop_signals(server.stop):
                server.stop(cause)
                if clients:
                    complaint = _end_clients(clients)
                while not server.join(LOOK_INTERVAL):
                    pass  # a look at the signals
                hosting.end()
    if complaint:
        print(f"echo-tui demo: the clients failed: {complaint}", file=sys.stderr)
        return EXIT_CRASH
    return _exit_code(hosting) or screen.return_code or 0


def _exit_code(hosting: Hosting) -> int:
    """0, or that of a crash; what failed is said on stderr."""
    if hosting.recordings.failure:
        print(f"echo-tui: the recording ends early: {hosting.recordings.failure}", file=sys.stderr)
    if not hosting.server.failure:
        return 0
    print(f"echo-tui: the server thread died: {hosting.server.failure}", file=sys.stderr)
    return EXIT_CRASH


def _end_clients(clients: subprocess.Popen[bytes]) -> str:
    """End the demo's clients; the last line of what went wrong, empty if nothing did."""
    try:
        _, errors = clients.communicate(timeout=3)
    except subprocess.TimeoutExpired:
        clients.kill()
        _, errors = clients.communicate()
    lines = errors.decode(errors="backslashreplace").split("\n")
    return next((printable(line, 200) for line in reversed(lines) if line.strip()), "")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    open_what_is_closed()
    print_whatever_the_encoding()
    code, complaint = 0, ""
    try:
        code = _run(arguments)
    except OSError as error:
        # A dashboard that meets the loss of its terminal before SIGHUP does ends as by that.
        if not is_terminal_lost(error, sys.stderr) and not (complaint := unwritable(error)):
            raise
    if complaint := flush() or complaint:
        code = code or _complain(complaint)
    sys.exit(code)


def _run(arguments: list[str] | None) -> int:
    try:
        code: int = cli.main(arguments, prog_name="echo-tui", standalone_mode=False)
    except click.exceptions.Abort:
        return EXIT_INTERRUPTED
    except click.ClickException as error:
        return _complain(error.format_message())
    except SettingError as error:
        return _complain(str(error))
    return code


def _complain(text: str) -> int:
    with contextlib.suppress(OSError):  # if nobody can be told, the exit code still says it
        print(f"echo-tui: {' '.join(text.split())}", file=sys.stderr)
    return EXIT_USAGE
