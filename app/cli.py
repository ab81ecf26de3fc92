"""The command line: the only place that wires server, screen and log together."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import click

from app import __version__
from app.client import ClientError, echo
from app.printable import printable
from app.settings import (
    POLLER_NAMES,
    TRACE_LEVELS,
    WRITE_MODES,
    SettingError,
    Settings,
    parse_size,
)

EXIT_CRASH = 1
EXIT_USAGE = 2
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
DEFAULTS = Settings()
F = TypeVar("F", bound=Callable[..., Any])

if TYPE_CHECKING:
    IntParameter = click.ParamType[int]
else:
    IntParameter = click.ParamType  # click 8.1 knows no parameter types with parameters


class Size(IntParameter):
    """``65536``, ``64KiB``, ``1MiB``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_size(value)
        except SettingError as error:
            self.fail(str(error), param, ctx)


class Port(IntParameter):
    """A port number; its range is judged with the other settings."""

    name = "port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return int(value)
        except ValueError:
            raise click.UsageError(
                f"PORT {printable(str(value))!r} is not a number: it must be 0 to 65,535"
            ) from None


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


class DefaultToServe(click.Group):
    """``echo-tui [OPTIONS] [HOST] [PORT]`` needs no command word."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ("--help", "--version")):
            args = ["serve", *args]
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        serve.format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


def setting(name: str, text: str, metavar: str = "N", **how: Any) -> Callable[[F], F]:
    """The option of one server setting, with its default."""
    how = {"show_default": True, "default": getattr(DEFAULTS, name), **how}
    return click.option("--" + name.replace("_", "-"), metavar=metavar, help=text, **how)


def server_options(command: F) -> F:
    """The options that every way of running the server has."""
    body = "Seconds for a frame, from its first byte; 0 = off."
    write = "Seconds that a pending echo waits for the peer to take a byte; 0 = off."
    options = [
        click.argument("host", default=DEFAULTS.host),
        click.argument("port", type=Port(), default=DEFAULTS.port),
        setting("cap", "Largest body accepted.", "SIZE", type=Size(), show_default="1MiB"),
        setting("poller", "How the loop waits.", "|".join(POLLER_NAMES)),
        setting("write_mode", "Write first, or arm POLLOUT first.", "|".join(WRITE_MODES)),
        setting("max_connections", "More are accepted and closed at once as `limit`."),
        setting("backlog", "Connections that may wait for accept."),
        setting("header_timeout", "Seconds for a header, from its first byte; 0 = off.", "S"),
        setting("body_timeout", body, "S"),
        setting("write_timeout", write, "S"),
        setting("idle_timeout", "Seconds between frames; 0 = off.", "S"),
        setting("grace", "Seconds that a stop may take.", "S"),
        setting("trace", "Tell every state change, or every call.", "|".join(TRACE_LEVELS)),
    ]
    for option in reversed(options):
        command = option(command)
    return command


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
    settings = Settings(**options)
    if no_ui:
        return run_headless(settings, log_format)
    return run_dashboard(settings)


@cli.command(cls=ServerCommand)
@server_options
def demo(**options: Any) -> int:
    """The dashboard, and built-in clients that show every state."""
    options["port"] = options["port"] if _given("port") else 0
    return run_dashboard(Settings(**options), with_clients=True)


@cli.command()
@click.argument("host")
@click.argument("port", type=Port())
@click.argument("message")
@click.option("--timeout", type=float, default=10.0, show_default=True, help="Seconds to wait.")
def client(host: str, port: int, message: str, timeout: float) -> int:
    """Send MESSAGE as one frame and print its echo; `-` reads the body from stdin."""
    body = sys.stdin.buffer.read() if message == "-" else os.fsencode(message)
    if not 0 < port < 65536:
        raise SettingError(f"PORT {port} is out of range: it must be 1 to 65,535")
    if not 0 < timeout <= 86_400:
        raise SettingError(f"--timeout {timeout} is out of range: it must be over 0 to 86,400 s")
    try:
        answer = echo(host, port, body, timeout)
    except ClientError as error:
        print(f"echo-tui client: {error}", file=sys.stderr)
        return 1
    if answer != body:
        print(f"echo-tui client: {host}:{port} sent back other bytes", file=sys.stderr)
        return 1
    if sys.stdout.isatty():
        print("echo:", printable(answer.decode("utf-8", "backslashreplace"), len(answer)))
    else:
        sys.stdout.buffer.write(b"echo: " + answer + b"\n")
        sys.stdout.buffer.flush()
    return 0


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


def run_headless(settings: Settings, log_format: str) -> int:
    """Serve until a signal; the exit code."""
    from app.headless import LogWriter, as_json, as_text
    from app.server.server import Server
    from app.stream import EventStream

    stream = EventStream()
    server = Server(settings, stream)
    log = LogWriter(stream, sys.stdout.fileno(), as_json if log_format == "json" else as_text)
    with stop_signals(server.stop):
        with signals_for_main_thread_only():
            server.start()
            log.start()
        server.join()
        log.join(timeout=1.0)
    if server.failure:
        print(f"echo-tui: the server thread died: {server.failure}", file=sys.stderr)
        return EXIT_CRASH
    return 0


def run_dashboard(settings: Settings, with_clients: bool = False) -> int:
    """Serve with the dashboard in this terminal; the exit code."""
    # Textual reads the keys from stdin and draws on stderr.
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise SettingError("the dashboard needs a terminal: use --no-ui for event lines on stdout")
    import asyncio

    from app.demo import start_clients
    from app.process import ProcessSampler
    from app.server.server import Server
    from app.stream import EventStream
    from app.ui.app import EchoApp
    from app.ui.source import StreamSource

    stream = EventStream()
    server = Server(settings, stream)
    source = StreamSource(stream, server.submit, server.now, ProcessSampler(server.now))
    screen = EchoApp(source)
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
        try:
            asyncio.run(show())
        finally:
            # Once the screen is gone, signals are handled as without one.
            with stop_signals(server.stop):
                server.stop(cause)
                if clients:
                    complaint = _end_clients(clients)
                server.join()
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
