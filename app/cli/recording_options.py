"""The options of the command line that are about recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from ..core.settings import GIB, SettingError, format_size
from ..recording.plan import Limits, RecordingPlan
from .options import Decimal, Size

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_SIZE: Final = GIB
"""Bytes: a recording that is forgotten must not fill the disk."""
LEAST_SIZE: Final = 64 * 1024
"""Bytes: less would end before there is anything to see."""
LONGEST: Final = 366 * 86_400.0
"""Seconds."""


def record_options(command: F) -> F:
    """The options that every way of recording a server has."""
    options = [
        click.option("--record", metavar="FILE", type=click.Path(path_type=Path), help="Record."),
        click.option(
            "--record-max-size",
            type=Size(),
            default=DEFAULT_SIZE,
            show_default="1GiB",
            metavar="SIZE",
            help="A recording ends when it is so large; 0 = never.",
        ),
        click.option(
            "--record-max-age",
            type=Decimal(),
            default=0.0,
            show_default=True,
            metavar="S",
            help="A recording ends after so many seconds; 0 = never.",
        ),
        click.option("--record-payload", is_flag=True, help="Record traced bytes of peers too."),
        click.option("--record-force", is_flag=True, help="Replace a recording that exists."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def take_plan(options: dict[str, Any]) -> RecordingPlan:
    """Take what these options say out of all `options`. Raises `SettingError`."""
    size, age = options.pop("record_max_size"), options.pop("record_max_age")
    if size and size < LEAST_SIZE:
        least = format_size(LEAST_SIZE)
        raise SettingError(f"--record-max-size {size} is too small: {least} or more, or 0 = never")
    if not 0 <= age <= LONGEST:
        raise SettingError(f"--record-max-age {age:g} is out of range: 0 to {LONGEST:,.0f} s")
    return RecordingPlan(
        path=options.pop("record"),
        limits=Limits(size, age),
        has_payload=options.pop("record_payload"),
        may_replace=options.pop("record_force"),
    )
