"""The command line: the only place that wires server, screen and log together."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from app import __version__
from app.options import server_options
from app.printable import printable
from app.recording.options import record_options, take_plan
from app.recording.plan import Plan
from app.settings import SettingError, Settings

if TYPE_CHECKING:
    from app.fanout import Fanout
    from app.recording.recordings import Recordings
    from app.server.server import Server

EXIT_CRASH = 1
EXIT_USAGE = 2
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class ServerCommand(click.Command):
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


COMMANDS: Final = {"client": "app.client:client", "replay": "app.replay:replay"}
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
        command: click.Command = getattr(importlib.import_module(module), function)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.known_words and args[0] not in ("--help", "--version")):
            args = ["serve", *args]
        return super().parse_args(ctx, args)

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
@record_options
@click.option("--no-ui", is_flag=True, help="No dashboard: event lines on stdout.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Of the event lines.",
)
def serve(no_ui: bool, log_format: str, **options: Any) -> int:
    """Serve, with the dashboard or without."""
    plan = take_plan(options)
    settings = Settings(**options)
    if no_ui:
        return run_headless(settings, log_format, plan)
    return run_dashboard(settings, plan)


@cli.command(cls=ServerCommand)
@server_options
@record_options
def demo(**options: Any) -> int:
    """The dashboard, and built-in clients that show every state."""
    options["port"] = options["port"] if _given("port") else 0
    plan = take_plan(options)
    return run_dashboard(Settings(**options), plan, with_clients=True)


def _given(name: str) -> bool:
    source = click.get_current_context().get_parameter_source(name)
    return source is not click.core.ParameterSource.DEFAULT


@contextlib.contextmanager
def stop_signals(stop: Callable[[str, bool], None]) -> Iterator[None]:
    """The first SIGTERM, SIGINT or SIGHUP asks for a stop in order, the next for one at once."""
    asked = False

    def handle(number: int, _frame: object) -> None:
        nonlocal asked
        stop(signal.Signals(number).name, asked)
        asked = True

    for number in STOP_SIGNALS:
        signal.signal(number, handle)
    try:
        yield
    finally:
        # On the way out one more signal must not turn the exit code into a death by signal.
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def signals_for_main_thread_only() -> Iterator[None]:
    """Threads started in here never take a stop signal.

    The kernel gives a signal to any thread that does not block it, but Python runs handlers in the
    main thread, which a join does not leave for a signal that another thread took.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def watched_server(settings: Settings, plan: Plan) -> tuple[Server, Fanout, Recordings]:
    """A server that has not started yet, and what hands its events on and records them.

    Raises `SettingError`.
    """
    from app.fanout import Fanout
    from app.process import ProcessSampler
    from app.recording.recordings import Recordings
    from app.server.server import Server
    from app.stream import EventStream

    stream = EventStream()
    server = Server(settings, stream)
    fanout = Fanout(stream, server.watch, ProcessSampler(server.now))
    recordings = Recordings(fanout, server.now, plan)
    try:
        recordings.start_planned()
    except BaseException:
        server.close()
        raise
    return server, fanout, recordings


def run_headless(settings: Settings, log_format: str, plan: Plan) -> int:
    """Serve until a signal; the exit code."""
    from app.headless import LogWriter, as_json, as_text
    from app.stream import EventStream

    server, fanout, recordings = watched_server(settings, plan)
    events = fanout.subscribe(EventStream(), traced=settings.trace != "off")
    log = LogWriter(events, sys.stdout.fileno(), as_json if log_format == "json" else as_text)
    with stop_signals(server.stop):
        with signals_for_main_thread_only():
            server.start()
            fanout.start()
            log.start()
        server.join()
        fanout.join(timeout=1.0)
        recordings.stop()
        log.join(timeout=1.0)
    tell_of(recordings)
    if server.failure:
        print(f"echo-tui: the server thread died: {server.failure}", file=sys.stderr)
        return EXIT_CRASH
    return 0


def tell_of(recordings: Recordings) -> None:
    """Say on stderr what became of a recording that failed."""
    if recordings.failure:
        print(f"echo-tui: the recording ends early: {recordings.failure}", file=sys.stderr)


def run_dashboard(settings: Settings, plan: Plan, with_clients: bool = False) -> int:
    """Serve with the dashboard in this terminal; the exit code."""
    # Textual reads the keys from stdin and draws on stderr.
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise SettingError("the dashboard needs a terminal: use --no-ui for event lines on stdout")
    import asyncio

    from app.demo import start_clients
    from app.stream import EventStream
    from app.ui.app import EchoApp
    from app.ui.source import StreamSource

    server, fanout, recordings = watched_server(settings, plan)
    source = StreamSource(fanout.subscribe(EventStream()), server.submit, server.now)
    fanout.attention()
    screen = EchoApp(source, recorder=recordings)
    # With a shorter turn at the GIL the loop waits less for the screen: p99.9 of an echo is 3 ms
    # at 0.2 ms and 10 ms at the default of 5 ms, at the same throughput (ARCHITECTURE.md).
    sys.setswitchinterval(0.0002)

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
        with signals_for_main_thread_only():
            server.start()
            fanout.start()
        try:
            asyncio.run(show())
        finally:
            # Once the screen is gone, signals are handled as without one.
            with stop_signals(server.stop):
                server.stop(cause)
                if clients:
                    complaint = _end_clients(clients)
                server.join()
                fanout.join(timeout=1.0)
                recordings.stop()
    tell_of(recordings)
    if complaint:
        print(f"echo-tui demo: the clients failed: {complaint}", file=sys.stderr)
        return EXIT_CRASH
    if server.failure:
        print(f"echo-tui: the server thread died: {server.failure}", file=sys.stderr)
        return EXIT_CRASH
    return screen.return_code or 0


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
    try:
        code = cli.main(arguments, prog_name="echo-tui", standalone_mode=False)
    except click.exceptions.Abort:
        code = EXIT_CRASH
    except click.ClickException as error:
        code = _complain(error.format_message())
    except SettingError as error:
        code = _complain(str(error))
    _flush()
    sys.exit(code)


def _flush() -> None:
    """Write out what is buffered while a failure can still be dealt with.

    With a reader that is gone, the interpreter's own flush at exit would fail and turn any exit
    code into 120.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())


def _complain(text: str) -> int:
    print(f"echo-tui: {' '.join(text.split())}", file=sys.stderr)
    return EXIT_USAGE
