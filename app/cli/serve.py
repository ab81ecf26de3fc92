"""`echo-tui [HOST] [PORT]`: the server, with a dashboard or headless."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ..core.settings import RULES, SettingError, Settings
from ..core.spawn import stop_signals_blocked
from ..recording.plan import Limits, RecordingPlan
from .configuration import (
    ConfiguredCommand,
    choose_listen,
    environment_note,
    file_option,
    show_option,
)
from .dashboard import dashboard_preferences, require_terminal, run_dashboard
from .exit_codes import EXIT_FAILED
from .options import (
    APPEARANCE,
    UI_OPTIONS,
    control_options,
    metrics_option,
    option,
    record_options,
    server_options,
    ui_options,
)
from .output import mute_stuck_terminals
from .signals import JOIN_INTERVAL, stop_signals

if TYPE_CHECKING:
    from ..host.runtime import Hosting, Sidecars
    from ..server.handle import ServerHandle
    from ..ui.preferences import Preferences


class ServerCommand(ConfiguredCommand):
    """Reads ``-1`` as a port that is out of range, not as an unknown option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if re.fullmatch(r"-\d", error.option_name):
                RULES["port"].read(error.option_name)  # raises: a port is not negative
            raise


@click.command(cls=ServerCommand, hidden=True)
@server_options
@ui_options
@metrics_option
@control_options
@record_options
@click.option("--no-ui", is_flag=True, help="No dashboard: event lines on stdout.")
@option(APPEARANCE["log_format"])
@option(
    APPEARANCE["log_level"],
    callback=lambda ctx, _, level: level or ("info" if ctx.params["trace"] == "off" else "debug"),
)
@file_option
@show_option
def serve(no_ui: bool, log_format: str, log_level: str, **options: Any) -> int:
    """Serve, with the dashboard or without."""
    settings, sidecars = split_options(options)
    if no_ui:
        return serve_headless(settings, sidecars, log_format, log_level)
    preferences = dashboard_preferences()
    require_terminal("use --no-ui for event lines on stdout")
    return serve_with_dashboard(settings, sidecars, preferences)


def split_options(options: dict[str, Any]) -> tuple[Settings, Sidecars]:
    """Sort the values of a server's options by what they are about. Raises `SettingError`."""
    from ..host.runtime import Sidecars

    for name in UI_OPTIONS:
        del options[name]
    options["listen"] = choose_listen(click.get_current_context(), options["listen"])
    sidecars = Sidecars(
        metrics=options.pop("metrics"),
        control=options.pop("control"),
        recording=RecordingPlan(
            path=options.pop("record"),
            limits=Limits(options.pop("record_max_size"), options.pop("record_max_age")),
            has_payload=options.pop("record_payload"),
            may_replace=options.pop("record_force"),
            may_number=_is_configured("record"),
            keep=options.pop("record_keep"),
        ),
    )
    return Settings(**options), sidecars


def _is_configured(parameter: str) -> bool:
    """Whether an option stands in the file or the environment, where it stays for each start."""
    source = click.get_current_context().get_parameter_source(parameter)
    return source in (ParameterSource.DEFAULT_MAP, ParameterSource.ENVIRONMENT)


def serve_headless(settings: Settings, sidecars: Sidecars, log_format: str, log_level: str) -> int:
    """Serve until a signal, and return the exit code. Raises `SettingError`."""
    from ..host.log import LogWriter, as_json, as_text
    from ..host.runtime import Hosting
    from ..host.systemd import Notifier, passed_socket
    from .reloading import reload_on_hangup

    hosting = Hosting(settings, sidecars, passed_socket(os.environ))
    publish_environment_note(hosting)
    server = hosting.server
    systemd = hosting.fanout.add(
        Notifier(os.environ, partial(hosting.publish_notice, "warning")), "systemd"
    )
    status = f"listening on {', '.join(map(str, server.addresses))}"
    lines, unheard = hosting.add_stream(), ""
    stop = partial(server.stop, "a log that cannot be written")
    as_lines = as_json if log_format == "json" else as_text
    tell, fd = hosting.publish_notice, sys.stdout.fileno()
    log = LogWriter(lines, fd, as_lines, log_level, stop, tell, begins_listening=True)
    reload = reload_on_hangup(hosting.submit, hosting.publish_notice, log, systemd, status)
    with stop_signals(server.stop, reload):
        with stop_signals_blocked():
            hosting.start()
            log.start()
        while not server.join(JOIN_INTERVAL):
            systemd.beat(server.polls, server.wake, server.is_held)
            if not unheard and (unheard := hosting.fanout.failure_of(lines)):
                server.stop("a log that hears nothing more")
        hosting.end()
        complaint = log.end(timeout=_rest_of_grace(hosting))
    mute_stuck_terminals()
    code = _exit_code(hosting, unheard)
    if complaint:
        print(f"echo-tui: {complaint}", file=sys.stderr)
    if log.failure:
        raise SettingError(f"the log cannot be written: {log.failure}: choose another place for it")
    return code


def _rest_of_grace(hosting: Hosting) -> float:
    """Return the seconds that the log has for its end: what a stop left of the grace, up to 1."""
    stopping = hosting.fanout.state.stopping
    left = 1.0 if stopping is None else stopping.t + stopping.grace - hosting.server.now()
    return min(1.0, max(0.2, left))


def publish_environment_note(hosting: Hosting) -> None:
    """Tell among the events which variables of the environment were ignored."""
    if note := environment_note(click.get_current_context()):
        hosting.publish_notice("info", note)


def serve_with_dashboard(
    settings: Settings,
    sidecars: Sidecars,
    preferences: Preferences,
    accompany: Callable[[ServerHandle], Callable[[], None]] | None = None,
    guided: bool = False,
) -> int:
    """Serve with the dashboard in this terminal, and return the exit code.

    `accompany` starts what runs beside the bound server and returns what ends it; that is called
    once the server was asked to stop. `guided` is with captions. Raises `SettingError`.
    """
    from ..host.runtime import Hosting
    from ..ui.app import EchoApp
    from ..ui.guided_app import GuidedApp
    from ..watch.source import StreamSource

    hosting = Hosting(settings, sidecars)
    publish_environment_note(hosting)
    server = hosting.server
    stream = hosting.add_stream(watched=True)
    source = StreamSource(
        stream,
        hosting.submit,
        server.now,
        unheard=lambda: hosting.fanout.failure_of(stream),
        grace=settings.grace,
        keep_closed=settings.keep_closed,
    )
    app = (GuidedApp if guided else EchoApp)(
        source,
        preferences=preferences,
        recorder=hosting.recordings,
        control=hosting.control,
        rewind=preferences.rewind,
    )
    end_companions = accompany(server) if accompany else None

    def finish() -> None:
        if end_companions:
            end_companions()
        while not server.join(JOIN_INTERVAL):
            pass  # Python handles signals between two joins
        hosting.end()

    code = run_dashboard(app, hosting.start, server.stop, finish)
    return _exit_code(hosting, hosting.fanout.failure_of(stream)) or code


def _exit_code(hosting: Hosting, unheard: str) -> int:
    """Return 0, or the exit code of a crash; stderr gets a line for each failure.

    `unheard` says why the log or the screen was told nothing more; empty if it was.
    """
    if hosting.recordings.failure:
        print(f"echo-tui: the recording ends early: {hosting.recordings.failure}", file=sys.stderr)
    if unheard:
        print(f"echo-tui: {unheard}", file=sys.stderr)
    if not hosting.server.has_served:
        raise SettingError(hosting.server.failure)
    if hosting.server.failure:
        print(f"echo-tui: the server thread died: {hosting.server.failure}", file=sys.stderr)
    return EXIT_FAILED if unheard or hosting.server.failure else 0
