"""`ctl record`: start and end a recording of a server that runs already."""

from __future__ import annotations

import os
import sys

import click
import msgspec

from ...core.commands import Record, RecordAction
from ...core.events import RecordingStatus
from ..exit_codes import EXIT_FAILED
from ..options import client_options
from .linking import json_option, linked
from .printing import print_facts


@click.group(no_args_is_help=False)
def record() -> None:
    """Record a running server: start FILE, stop, status."""


@record.command()
@client_options
@json_option
@click.argument("file", type=click.Path())
def start(control: str | None, as_json: bool, file: str) -> int:
    """Begin to record into FILE, which must not exist; the server's limits count."""
    if not file:
        raise click.UsageError("FILE is empty: write the name of a file that does not exist yet")
    path = os.path.abspath(file)
    try:
        path.encode()
    except UnicodeError:
        raise click.UsageError("FILE is no UTF-8 text: choose another name") from None
    return _request(control, as_json, RecordAction.START, path)


@record.command()
@client_options
@json_option
def stop(control: str | None, as_json: bool) -> int:
    """End the recording; what has come until now is in it."""
    return _request(control, as_json, RecordAction.STOP)


@record.command()
@client_options
@json_option
def status(control: str | None, as_json: bool) -> int:
    """Whether the server is recorded, into which file, since when (Unix seconds)."""
    return _request(control, as_json, RecordAction.STATUS)


def _request(control: str | None, as_json: bool, action: RecordAction, path: str = "") -> int:
    with linked(control, "record") as link:
        result = next(link.carry_out(Record(request=1, action=action, path=path)))
    print_facts(msgspec.structs.asdict(result.recording or RecordingStatus()), as_json)
    if result.ok:
        return 0
    print(f"echo-tui ctl: {result.message}", file=sys.stderr)
    return EXIT_FAILED
