"""`echo-tui send`: send what `ctl export` wrote to any server, and say what came back."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import click

from ..core.addresses import format_address
from ..core.printable import printable, reason_of
from ..core.settings import PeerPort, Rule, SettingError, bounds
from ..proving.recorded_stream import RecordedStream, read_stream
from ..proving.sending import MOST_GAP, chopped
from ..proving.sending import send as send_stream
from .exit_codes import EXIT_FAILED
from .options import Host, Judged, option

_LARGEST_FILE: Final = 256 * 1024**2
"""Characters of a file that are read."""

Silence: TypeAlias = Annotated[
    float,
    bounds(
        0.1, 600, "Seconds without a byte after which nothing more is waited for.", unit="seconds"
    ),
]


@click.command()
@click.option(
    "--chop",
    default="as-recorded",
    show_default=True,
    metavar="HOW",
    help="as-recorded; N bytes a piece; A,B,* bytes, then the rest; random:SEED.",
)
@click.option(
    "--gap",
    default="as-recorded",
    show_default=True,
    metavar="S",
    help=f"Seconds between two pieces, or as-recorded ({MOST_GAP:g} at the most).",
)
@option(Rule("timeout", Silence, 5.0))
@click.argument("host", type=Host())
@click.argument("port", type=Judged(Rule("port", PeerPort)))
@click.argument("file", type=click.Path(allow_dash=True))
def send(chop: str, gap: str, timeout: float, host: str, port: int, file: str) -> int:
    """Send a stream that `ctl export` wrote, and end as that connection ended.

    FILE is its json or hex; - is stdin. Exit code 0 if all was sent and the echo was as expected.
    """
    stream = _read(file)
    pieces = chopped(stream, chop, gap)
    try:
        outcome = send_stream(host, port, stream, pieces, timeout)
    except OSError as error:
        raise click.UsageError(f"{format_address((host, port))}: {reason_of(error)}") from None
    print(outcome.text)
    return 0 if outcome.ok else EXIT_FAILED


def _read(file: str) -> RecordedStream:
    shown = "stdin" if file == "-" else printable(file)
    try:
        with click.open_file(file, encoding="utf-8") as opened:
            text = opened.read(_LARGEST_FILE)
    except OSError as error:
        raise click.UsageError(f"{shown}: {reason_of(error)}") from None
    except UnicodeError:
        raise click.UsageError(f"{shown}: it is no text: use `ctl export --as json`") from None
    try:
        return read_stream(text)
    except SettingError as error:
        raise click.UsageError(f"{shown}: {error}") from None
