"""`ctl kill`: end connections, by their ids or by a filter."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click
import msgspec

from ...control.client_side.control_client import Link, split_kill
from ...core.commands import Kill, KillMode
from ...core.settings import rules_of
from ...watch.filter import Filter, parse_filter
from ..exit_codes import EXIT_FAILED
from ..options import ConnectionId, client_options, option
from .linking import fetch_state, json_option, judged_rows, linked
from .listing import DEFAULT_COLUMNS, columns_named, print_row_objects, print_rows
from .printing import print_result

NAMED = 10
"""Connections that the question before a kill names."""


@click.command()
@client_options
@click.option("--where", metavar="FILTER", help="As in the dashboard; it must not be empty.")
@json_option
@option(rules_of(Kill)["mode"])
@click.option(
    "--instance",
    metavar="HEX",
    default="",
    help="Only if the server is this one, which `list --json` names.",
)
@click.option("--dry-run", is_flag=True, help="Only list what would be ended.")
@click.option("--yes", is_flag=True, help="Do not ask before more than one is ended.")
@click.argument("ids", metavar="[ID]…", nargs=-1, type=ConnectionId())
def kill(
    control: str | None,
    where: str | None,
    as_json: bool,
    mode: KillMode,
    instance: str,
    dry_run: bool,
    yes: bool,
    ids: tuple[int, ...],
) -> int:
    """End connections, by their ids or by a filter; tells what became of each.

    On a terminal it asks before it ends more than one.
    """
    chosen = destroying_filter(where)
    if bool(ids) == (chosen is not None):
        raise click.UsageError("kill takes ids, or --where FILTER, and not both")
    ids = tuple(dict.fromkeys(ids))
    with linked(control, "kill") as link:
        if dry_run:
            return _list_targets(link, ids, chosen, instance, as_json)
        unjudged = 0
        if chosen is not None:
            rows, unjudged = judged_rows(*fetch_state(link), chosen)
            ids = tuple(row.id for row in rows)
        if unjudged:
            print(f"echo-tui ctl: {unjudged_words(unjudged)}", file=sys.stderr)
        elif not ids:
            print("echo-tui ctl: no open connection passes the filter", file=sys.stderr)
        if not ids:
            return EXIT_FAILED if unjudged else 0
        if not yes and not is_sure(f"end {named_ids(ids)} (mode {mode.value})?", len(ids)):
            print("echo-tui ctl: none was ended", file=sys.stderr)
            return EXIT_FAILED
        failed = unjudged > 0
        whole = Kill(request=1, instance=instance, ids=ids, mode=mode)
        for request, part in enumerate(split_kill(whole), 1):
            for result in link.carry_out(msgspec.structs.replace(part, request=request)):
                failed = failed or not result.ok
                print_result(result, as_json)
    return EXIT_FAILED if failed else 0


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


def unjudged_words(count: int) -> str:
    """Say that so many connections that pass a filter are not ended, and why."""
    return (
        f"{count:,} connections are not ended: their loop gives no sign of life, so what is known"
        " of them is old; name them by id"
    )


def named_ids(ids: Sequence[int]) -> str:
    """Return how many connections these are, and the first ids of them."""
    named = " ".join(f"#{one}" for one in ids[:NAMED])
    return f"{len(ids):,} connections, {named}{' …' if len(ids) > NAMED else ''}"


def _list_targets(
    link: Link, ids: Sequence[int], chosen: Filter | None, instance: str, as_json: bool
) -> int:
    """List the connections that a kill would end; return the exit code that it would have."""
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
