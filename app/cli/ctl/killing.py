"""`ctl kill`: end connections, by their ids or by a filter."""

from __future__ import annotations

import sys

import click
import msgspec

from ...control.client_side.control_client import split
from ...core.commands import Kill, KillMode
from ...core.settings import rules_of
from ..exit_codes import EXIT_FAILED
from ..options import ConnectionId, client_options, option
from .linking import json_option, linked
from .printing import print_result
from .targets import destroying_filter, is_sure, list_targets, named_ids, targets_of


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
            return list_targets(link, ids, chosen, instance, as_json)
        ids, failed = targets_of(link, ids, chosen, "ended")
        if not ids:
            return EXIT_FAILED if failed else 0
        if not yes and not is_sure(f"end {named_ids(ids)} (mode {mode.value})?", len(ids)):
            print("echo-tui ctl: none was ended", file=sys.stderr)
            return EXIT_FAILED
        whole = Kill(request=1, instance=instance, ids=ids, mode=mode)
        for request, part in enumerate(split(whole), 1):
            for result in link.carry_out(msgspec.structs.replace(part, request=request)):
                failed = failed or not result.ok
                print_result(result, as_json)
    return EXIT_FAILED if failed else 0
