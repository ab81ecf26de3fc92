"""`ctl export`: what one connection has sent, with its cuts, for `echo-tui send`."""

from __future__ import annotations

import sys

import click

from ...core.kept_bytes import KeptBytes
from ...core.printable import reason_of
from ...core.settings import MIB
from ...proving.recorded_stream import FORMATS, stream_of
from ...watch.export import open_private
from ..exit_codes import EXIT_FAILED
from ..options import ConnectionId, client_options
from .linking import fetch_state, linked
from .listing import find_row


@click.command()
@client_options
@click.option(
    "--as",
    "form",
    type=click.Choice(list(FORMATS)),
    default="json",
    show_default=True,
    help="json and hex for `echo-tui send`; python is a program.",
)
@click.argument("connection_id", metavar="ID", type=ConnectionId())
@click.argument("file", metavar="[FILE]", type=click.Path(), default="-")
def export(control: str | None, form: str, connection_id: int, file: str) -> int:
    """Write what a connection has sent, open or closed, with its cuts; on stdout without FILE."""
    with linked(control, "export") as link:
        state, now = fetch_state(link, closed=True)
        kept = link.read_bytes(connection_id)
    row = find_row(state, connection_id)
    if row is None:
        return EXIT_FAILED
    kept = kept or KeptBytes(t=now, request=0, id=row.id, size=row.count("bytes_in"))
    reason = None if row.closed is None else row.closed.reason
    stream = stream_of(kept, row.peer, reason, state.cap or MIB)
    if not stream.complete:
        held = len(stream.data)
        print(
            f"echo-tui ctl: not complete: {held:,} of the {kept.size:,} bytes that it sent are"
            " kept; start the server with a larger --capture",
            file=sys.stderr,
        )
    text = FORMATS[form](stream)
    if file == "-":
        print(text, end="")
        return 0
    try:
        with open(file, "w", encoding="utf-8", opener=open_private) as opened:
            opened.write(text)
    except OSError as error:
        raise click.UsageError(f"{file}: {reason_of(error)}") from None
    return 0
