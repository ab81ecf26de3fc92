"""`ctl list` and `ctl show`: the connections of a server, all or one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Final

import click
import msgspec

from ...core.events import Snapshot
from ...core.kept_bytes import KeptBytes
from ...watch.columns import LISTED, OF_CLOSED, Column, column_named, facts_of
from ...watch.export import objects_of
from ...watch.filter import parse_filter
from ...watch.notes import notes_of
from ...watch.row import Row
from ...watch.state import State
from ...watch.views import NUMBERS, view_numbered
from ..completion import list_of, one_of
from ..configuration import variable, views_of
from ..exit_codes import EXIT_FAILED
from ..options import ConnectionId, client_options
from .kept_bytes_lines import describe_bytes
from .linking import fetch_state, json_option, linked, passing_rows
from .printing import cell, print_facts, print_objects, print_table

DEFAULT_COLUMNS: Final = (
    "id,peer,state,armed,pending,toggles,frames_out,frames_per_second,age_seconds,idle_seconds,why"
)
CLOSED_COLUMNS: Final = (
    "id,peer,reason,diagnosis,frames_in,frames_out,bytes_in,bytes_out,age_seconds,idle_seconds,why"
)
"""The columns of closed ones; `idle_seconds` is the time since the close, `why` its detail."""
_NAMES: Final = tuple(column.json_name for column in LISTED)
OFFSETS: Final = tuple(
    name
    for name in Snapshot.__struct_fields__
    if name not in ("t", "diagnosis") and name not in _NAMES
)
"""Fields of a connection's latest snapshot that `show` prints after those of `list`."""
WAITING: Final = ("offered", "unread", "unread_at", "is_held")
"""Fields of it that the code of `why` is judged by, besides those of the kernel."""


def columns_named(names: str) -> list[Column]:
    """Read ``id, peer``; raises `click.UsageError` for a name that no column has."""
    return [_column(name.strip()) for name in names.split(",")]


def _column(name: str) -> Column:
    column = column_named(name) or OF_CLOSED.get(name)
    if column is None:
        there_are = ", ".join(dict.fromkeys((*_NAMES, *OF_CLOSED)))
        raise click.UsageError(f"no column {name!r}; there are {there_are}")
    return column


def print_rows(
    rows: Sequence[Row], now: float, columns: Sequence[Column], with_header: bool = True
) -> None:
    """Print a line of names, if wanted, and a line for each connection."""
    names = [column.json_name for column in columns]
    lines = [[cell(column.json_value(row, now)) for column in columns] for row in rows]
    print_table(names, lines, with_header)


def print_row_objects(rows: Sequence[Row], now: float, instance: str) -> None:
    """Print each connection as JSON, with all its columns and the server that it is named by."""
    named = {"instance": instance}
    print_objects(named | objects_of(row, now) for row in rows)


def _diagnosis_of(row: Row, as_json: bool = True) -> dict[str, Any]:
    """Return what its bytes are, if they do not fit: an object for programs, words for people."""
    found = row.diagnosis
    if found is None:
        return {"diagnosis": None}
    told = msgspec.structs.asdict(found) if as_json else f"{found.code}: {found.text}"
    return {"diagnosis": told}


def _notes_of(row: Row, now: float, as_json: bool) -> dict[str, Any]:
    """Return the notes about its peer: words for programs, with their sentences for people."""
    notes = notes_of(row, now)
    return {"notes": [note.word if as_json else f"{note.word}: {note.text}" for note in notes]}


def _end_of(row: Row) -> dict[str, Any]:
    """Return what only a closed connection has; empty for an open one."""
    if row.closed is None:
        return {}
    return {"detail": row.closed.detail, "closed_at": row.closed.t}


def find_row(state: State, connection_id: int) -> Row | None:
    """Return a connection that is open, or closed a while ago; None, after saying so, if none."""
    row = ({row.id: row for row in state.kept} | state.rows).get(connection_id)
    if row is None:
        text = f"no connection #{connection_id} is open, or among those that closed last"
        print(f"echo-tui ctl: {text}", file=sys.stderr)
    return row


@click.command("list")
@client_options
@click.option("--where", metavar="FILTER", default="", help="As in the dashboard.")
@json_option
@click.option("--closed", is_flag=True, help="Those that closed last, in the order of closing.")
@click.option(
    "--columns",
    default="",
    metavar="A,B,…",
    shell_complete=list_of(_NAMES),
    help="Which, in their order.",
)
@click.option(
    "--sort",
    default="",
    metavar="COLUMN",
    shell_complete=one_of(_NAMES),
    help="By any column.  [default: id]",
)
@click.option("--reverse", is_flag=True, help="The largest first.")
@click.option(
    "--view",
    metavar="1…9",
    shell_complete=one_of(NUMBERS),
    help="A view of the dashboard, from the file; the options above beat its parts.",
)
@click.option(
    "--config",
    metavar="FILE",
    type=click.Path(),
    envvar=variable("config"),
    help="The file that has the views.  [default: your own, which `W` writes]",
)
@click.option("--no-header", is_flag=True, help="No line of names.")
def list_command(
    control: str | None,
    where: str,
    as_json: bool,
    closed: bool,
    columns: str,
    sort: str,
    reverse: bool,
    view: str | None,
    config: str | None,
    no_header: bool,
) -> int:
    """The open connections, or those that closed last, a line each."""
    if view is not None:
        chosen_view = view_numbered(views_of(click.get_current_context(), config), view)
        where = where or chosen_view.filter
        columns = columns or ",".join(chosen_view.columns)
        if not sort and (sort := chosen_view.sort.removeprefix("-")):
            reverse = reverse or chosen_view.sort.startswith("-")
    chosen = columns_named(columns or (CLOSED_COLUMNS if closed else DEFAULT_COLUMNS))
    order, passing = _column(sort.strip() or "id").sort_value, parse_filter(where)
    with linked(control, "list") as link:
        state, now = fetch_state(link, closed)
    if closed:
        rows = [row for row in state.kept if passing.passes(row, now)]
    else:
        rows = passing_rows(state, now, passing)
    if sort or not closed:
        rows.sort(key=lambda row: order(row, now), reverse=reverse)
    elif reverse:
        rows.reverse()
    if not as_json:
        print_rows(rows, now, chosen, not no_header)
    elif not columns:
        print_row_objects(rows, now, link.instance)
    else:
        print_objects({one.json_name: one.json_value(row, now) for one in chosen} for row in rows)
    return 0


@click.command()
@client_options
@json_option
@click.option("--bytes", "with_bytes", is_flag=True, help="With the bytes kept of what it sent.")
@click.argument("connection_id", metavar="ID", type=ConnectionId())
def show(control: str | None, as_json: bool, with_bytes: bool, connection_id: int) -> int:
    """All that is known of one connection that is open, or closed a while ago."""
    with linked(control, "show") as link:
        state, now = fetch_state(link, closed=True)
        kept = link.read_bytes(connection_id) if with_bytes else None
    row = find_row(state, connection_id)
    if row is None:
        return EXIT_FAILED
    told = objects_of(row, now) if as_json else facts_of(row, now)
    facts: dict[str, Any] = {"instance": link.instance} | told
    facts |= _notes_of(row, now, as_json) | _diagnosis_of(row, as_json)
    if row.snapshot is not None:
        facts |= {name: getattr(row.snapshot, name) for name in OFFSETS}
        facts |= {"header": row.snapshot.header.hex(), "closing": row.snapshot.closing or ""}
    facts |= _end_of(row)
    if with_bytes:
        kept = kept or KeptBytes(t=now, request=0, id=row.id, size=row.count("bytes_in"))
        facts |= describe_bytes(kept, as_json)
    print_facts(facts, as_json)
    return 0


@click.command()
@client_options
@json_option
@click.argument("connection_id", metavar="ID", type=ConnectionId())
def why(control: str | None, as_json: bool, connection_id: int) -> int:
    """Why one connection waits, and the figures that say so."""
    with linked(control, "why") as link:
        state, now = fetch_state(link, closed=True)
    row = find_row(state, connection_id)
    if row is None:
        return EXIT_FAILED
    names = ("id", "why", "why_code", "state", "pending", "unacked_bytes", "in_flight_bytes")
    known = facts_of(row, now)
    facts: dict[str, Any] = {name: known[name] for name in names}
    facts |= _notes_of(row, now, as_json) | _diagnosis_of(row, as_json)
    facts |= {"silent_since": row.silent_since}
    if row.snapshot is not None:
        facts |= {name: getattr(row.snapshot, name) for name in WAITING}
        if row.snapshot.queues is not None:
            facts |= msgspec.structs.asdict(row.snapshot.queues)
    print_facts(facts, as_json)
    return 0
