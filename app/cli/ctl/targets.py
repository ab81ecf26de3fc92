"""The connections that a verb of `ctl` changes, by ids or by a filter, and the question before."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from ...control.client_side.control_client import Link
from ...watch.filter import Filter, parse_filter
from ..exit_codes import EXIT_FAILED
from .linking import fetch_state, judged_rows
from .listing import DEFAULT_COLUMNS, columns_named, print_row_objects, print_rows

NAMED = 10
"""Connections that a question names."""


def destroying_filter(where: str | None) -> Filter | None:
    """Read the filter of a verb that destroys; None without one.

    Raises `click.UsageError` for a blank filter, which elsewhere every connection passes, and
    `FilterError`.
    """
    if where is None:
        return None
    if not where.strip():
        raise click.UsageError(
            f"--where {where!r} is empty, and would mean every connection: write a condition, as in"
            " 'idle>30s'; every connection is 'id>0'"
        )
    return parse_filter(where)


def is_sure(question: str, count: int) -> bool:
    """Ask the person at the terminal before more than one connection is touched.

    Without a terminal, or for one connection, nobody is asked and the answer is yes. Ctrl-D is a
    no. Raises `click.Abort` at Ctrl-C.
    """
    if count < 2 or not sys.stdin.isatty():
        return True
    if not (sys.stderr.isatty() or sys.stdout.isatty()):
        return True  # nobody would see the question
    try:
        return click.confirm(question, err=sys.stderr.isatty())
    except click.Abort as abort:
        if not isinstance(abort.__context__, EOFError):
            raise
        click.echo(err=True)  # Ctrl-D left the cursor behind the question
        return False


def targets_of(
    link: Link, ids: tuple[int, ...], chosen: Filter | None, done: str
) -> tuple[tuple[int, ...], bool]:
    """Return the ids that are meant, and whether some that pass the filter are not judged.

    Stderr tells of those and of none; `done` is the word for the change, as in ``ended``.
    """
    unjudged = 0
    if chosen is not None:
        rows, unjudged = judged_rows(*fetch_state(link), chosen)
        ids = tuple(row.id for row in rows)
    if unjudged:
        print(f"echo-tui ctl: {unjudged_words(unjudged, done)}", file=sys.stderr)
    elif not ids:
        print("echo-tui ctl: no open connection passes the filter", file=sys.stderr)
    return ids, unjudged > 0


def unjudged_words(count: int, done: str = "ended") -> str:
    """Say that so many connections that pass a filter are not `done`, and why."""
    return (
        f"{count:,} connections are not {done}: their loop gives no sign of life, so what is known"
        " of them is old; name them by id"
    )


def named_ids(ids: Sequence[int]) -> str:
    """Return how many connections these are, and the first ids of them."""
    named = " ".join(f"#{one}" for one in ids[:NAMED])
    return f"{len(ids):,} connections, {named}{' …' if len(ids) > NAMED else ''}"


def list_targets(
    link: Link, ids: Sequence[int], chosen: Filter | None, instance: str, as_json: bool
) -> int:
    """List the connections that a verb would change; return the exit code that it would have."""
    if instance not in ("", link.instance):
        text = f"refused: meant for the server {instance}, and this is {link.instance}"
        print(f"echo-tui ctl: {text}", file=sys.stderr)
        return EXIT_FAILED
    state, now = fetch_state(link)
    unjudged = 0
    if chosen is not None:
        rows, unjudged = judged_rows(state, now, chosen)
    else:
        rows = [state.rows[one] for one in ids if one in state.rows]
    if as_json:
        print_row_objects(rows, now, link.instance)
    else:
        print_rows(rows, now, columns_named(DEFAULT_COLUMNS))
    for one in ids:
        if one not in state.rows:
            print(f"echo-tui ctl: no connection #{one} is open", file=sys.stderr)
    if unjudged:
        print(f"echo-tui ctl: {unjudged_words(unjudged)}", file=sys.stderr)
    return EXIT_FAILED if unjudged or len(rows) < len(ids) else 0
