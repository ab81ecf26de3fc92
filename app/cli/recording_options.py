"""The options of the command line about recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ..core.settings import rules_of
from ..recording.plan import Limits, RecordingPlan
from .options import option

F = TypeVar("F", bound=Callable[..., Any])


def record_options(command: F) -> F:
    """Add the options of every command that can record a server."""
    limits = rules_of(Limits)
    options = [
        click.option("--record", metavar="FILE", type=click.Path(path_type=Path), help="Record."),
        # A recording that is forgotten must not fill the disk.
        option(limits["size"], default="1GiB"),
        option(limits["age"]),
        click.option("--record-payload", is_flag=True, help="Record traced bytes of peers too."),
        click.option("--record-force", is_flag=True, help="Replace a recording that exists."),
    ]
    for decorate in reversed(options):
        command = decorate(command)
    return command


def take_plan(options: dict[str, Any]) -> RecordingPlan:
    """Remove these options' values from `options` and return them as a plan."""
    return RecordingPlan(
        path=options.pop("record"),
        limits=Limits(options.pop("record_max_size"), options.pop("record_max_age")),
        has_payload=options.pop("record_payload"),
        may_replace=options.pop("record_force"),
    )
