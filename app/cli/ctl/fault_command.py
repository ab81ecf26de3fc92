"""`ctl fault`: give connections of a running server a fault on purpose, or take it away."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click
import msgspec

from ...control.client_side.control_client import Link, split
from ...core.commands import Fault
from ...core.fault_spec import parse_fault
from ...core.settings import SettingError
from ...server.fault_tokens import MOST_NEXT
from ..exit_codes import EXIT_FAILED
from ..options import ConnectionId, client_options
from .linking import json_option, linked
from .printing import print_result
from .targets import destroying_filter, is_sure, list_targets, named_ids, targets_of


@click.command()
@client_options
@json_option
@click.option("--where", metavar="FILTER", help="As in the dashboard; it must not be empty.")
@click.option("--next", "of_next", is_flag=True, help="The next connection, or the next N.")
@click.option("--none", "takes", is_flag=True, help="Take the fault away.")
@click.option(
    "--instance",
    metavar="HEX",
    default="",
    help="Only if the server is this one, which `list --json` names.",
)
@click.option("--dry-run", is_flag=True, help="Only list the connections that are meant.")
@click.option("--yes", is_flag=True, help="Do not ask before more than one gets it.")
@click.argument("words", metavar="[ID…|N] [SPEC]", nargs=-1)
def fault(
    control: str | None,
    as_json: bool,
    where: str | None,
    of_next: bool,
    takes: bool,
    instance: str,
    dry_run: bool,
    yes: bool,
    words: tuple[str, ...],
) -> int:
    """Treat connections badly on purpose: ID… SPEC, --where FILTER SPEC, --next [N] SPEC.

    SPEC is words with commas: slice=N or slice=N..M, gap=S, delay=S, rate=SIZE, coalesce=N,
    stall@N, reset@N, eof@N, corrupt@N, length+K, length-K, swap, noread, seed=K. N counts the bytes
    of echo of a connection, from 0.
    """
    chosen = destroying_filter(where)
    spec, numbers = ("", words) if takes else _divided(words)
    if of_next:
        if where is not None:
            raise click.UsageError("fault takes --where FILTER or --next, and not both")
        if dry_run:
            raise click.UsageError("--dry-run has nothing to list: the next ones are not there yet")
        return _of_next(control, as_json, instance, spec, numbers)
    ids = tuple(dict.fromkeys(ConnectionId().convert(word, None, None) for word in numbers))
    if bool(ids) == (chosen is not None):
        raise click.UsageError("fault takes ids, or --where FILTER, or --next, one of them")
    with linked(control, "fault") as link:
        if dry_run:
            return list_targets(link, ids, chosen, instance, as_json)
        ids, failed = targets_of(link, ids, chosen, "changed")
        if not ids:
            return EXIT_FAILED if failed else 0
        what = f"give {named_ids(ids)} the fault {spec}?" if spec else f"end {named_ids(ids)}?"
        if not yes and spec and not is_sure(what, len(ids)):
            print("echo-tui ctl: none was changed", file=sys.stderr)
            return EXIT_FAILED
        whole = Fault(request=1, instance=instance, ids=ids, spec=spec)
        failed = _carry_out(link, list(split(whole)), as_json) or failed
    return EXIT_FAILED if failed else 0


def _of_next(
    control: str | None, as_json: bool, instance: str, spec: str, numbers: Sequence[str]
) -> int:
    if len(numbers) > 1 or not all(one.isascii() and one.isdigit() for one in numbers):
        raise click.UsageError("--next takes one number and a SPEC, as in --next 3 slice=1")
    number = int(numbers[0]) if numbers else 1
    if not 1 <= number <= MOST_NEXT:
        raise click.UsageError(f"--next {number:,}: it must be 1 to {MOST_NEXT:,}")
    with linked(control, "fault") as link:
        command = Fault(request=1, instance=instance, spec=spec, next=number if spec else 0)
        return EXIT_FAILED if _carry_out(link, [command], as_json) else 0


def _carry_out(link: Link, commands: Sequence[Fault], as_json: bool) -> bool:
    """Carry out commands, and print what became of each; return whether one has failed."""
    failed = False
    for request, command in enumerate(commands, 1):
        for result in link.carry_out(msgspec.structs.replace(command, request=request)):
            failed = failed or not result.ok
            print_result(result, as_json)
    return failed


def _divided(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return the SPEC, judged here so that a mistake costs no connection, and what is before it."""
    if not words or words[-1].isdigit():
        raise click.UsageError("a SPEC is missing, as in slice=1..3,gap=0.05")
    try:
        return parse_fault(words[-1]).text, words[:-1]
    except SettingError as error:
        raise click.UsageError(str(error)) from None
