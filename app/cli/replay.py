"""``echo-tui replay``: a recording on the screen, or as JSON for scripts."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import click

from ..core.events import FIGURES, Notice
from ..core.printable import printable
from ..core.settings import SettingError
from ..host.log import as_json
from ..recording.reader import Recording, RecordingError
from ..recording.times import outside, parse_moment
from ..watch.row import Row
from .configuration import ConfiguredCommand, file_option
from .dashboard import dashboard_preferences, require_terminal, run_dashboard
from .exit_codes import EXIT_DAMAGED
from .options import replay_options

MOST_TOLD: Final = 20
"""Damaged files of one recording that get a line on stderr each."""


@click.command(cls=ConfiguredCommand)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--from", "since", metavar="TIME", help="Show nothing earlier.")
@click.option("--until", metavar="TIME", help="Show nothing later.")
@click.option("--at", metavar="TIME", help="Stand still at this time.")
@click.option(
    "--json", "with_json", is_flag=True, help="Events as JSON lines, or the table with --at."
)
@click.option("--all", "with_figures", is_flag=True, help="With --json: snapshots and figures too.")
@replay_options
@file_option
def replay(
    file: Path,
    since: str | None,
    until: str | None,
    at: str | None,
    with_json: bool,
    with_figures: bool,
    **_of_the_dashboard: Any,
) -> int:
    """Play a recording in the dashboard, or print what it tells.

    TIME is +SECONDS from the start, -SECONDS from the end, HH:MM:SS or Unix seconds. A damaged
    recording is shown up to where it is good, and the exit code is 3.
    """
    try:
        recording = Recording(file)
    except RecordingError as error:
        raise SettingError(str(error)) from None
    code = 0
    with recording:
        begin, end = _moment(since, recording), _moment(until, recording)
        if begin is not None and begin > recording.end and recording.batches:
            raise SettingError(f"--from {_outside(since, recording)}")
        if end is not None and end < recording.start:
            raise SettingError(f"--until {_outside(until, recording)}")
        stand = None
        if at is not None:
            stand = _within("--at", at, recording)
        if begin is not None and end is not None and begin > end:
            raise SettingError(f"--from {since} is later than --until {until}: exchange them")
        if recording.batches or not recording.damage:
            if not with_json:
                code = _show(recording, begin, end, stand)
            elif stand is not None:
                _print_table(recording, stand)
            else:
                with contextlib.suppress(BrokenPipeError):  # the reader needs no more
                    _print_events(recording, begin, end, with_figures)
        return code or _verdict(recording)


def _moment(text: str | None, recording: Recording) -> float | None:
    return None if text is None else _parsed(text, recording)


def _parsed(text: str, recording: Recording) -> float:
    return parse_moment(text, recording.start, recording.end, recording.wall_times)


def _outside(text: str | None, recording: Recording) -> str:
    return outside(text or "", recording.start, recording.end, recording.wall_times)


def _within(name: str, text: str, recording: Recording) -> float:
    moment = _parsed(text, recording)
    if recording.batches and not recording.start <= moment <= recording.end:
        raise SettingError(f"{name} {_outside(text, recording)}")
    return moment


def _verdict(recording: Recording) -> int:
    if recording.damage is None:
        return 0
    name = printable(str(recording.path), 200)
    damages = recording.damages
    for damage in damages[:MOST_TOLD]:
        print(f"echo-tui: {name} is {damage}", file=sys.stderr)
    if len(damages) > MOST_TOLD:
        more = f"{len(damages) - MOST_TOLD} more files of {name} are damaged"
        print(f"echo-tui: {more}", file=sys.stderr)
    return EXIT_DAMAGED


def _print_events(
    recording: Recording, since: float | None, until: float | None, with_figures: bool
) -> None:
    left_out = () if with_figures else FIGURES
    begin = recording.start if since is None else since
    end = recording.end if until is None else until
    for item in recording.items(begin, end):
        is_repeated = isinstance(item.event, Notice) and item.event.is_repeated
        if not isinstance(item.event, left_out) and not is_repeated:
            print(as_json(item.event))


def _print_table(recording: Recording, at: float) -> None:
    from ..recording.keyframes import state_at
    from ..ui.replay_source import ReplaySource
    from ..watch.export import as_json as table_as_json

    source = ReplaySource(recording)
    source.seek(at)
    now = source.now()
    keyframe = source.restart()
    rows: Iterable[Row] = ()
    if keyframe is not None:  # None: nothing of it can be read
        model = state_at(keyframe, now)
        model.apply(source.drain(), now)
        rows = model.rows.values()
    print(table_as_json(rows, now, ""), end="")


def _show(recording: Recording, since: float | None, until: float | None, at: float | None) -> int:
    preferences = dashboard_preferences()
    require_terminal("use --json for events on stdout")
    from ..ui.replay_app import ReplayApp  # Textual is slow to import
    from ..ui.replay_source import ReplaySource

    source = ReplaySource(recording, since, until)
    if at is None:
        source.play()
    else:
        source.seek(at)
    title = f"echo-tui replay {printable(recording.path.name)}"
    return run_dashboard(ReplayApp(source, title, preferences))
