"""`echo-tui ctl`: a running server for scripts (docs/control.md says what each command prints).

Made for pipes: fields with stable names and plain figures, an answer for each thing asked for, no
colour and no word too many. Exit codes: 0 done, 1 something of it failed, 2 not possible at all.
"""

from __future__ import annotations

import sys
from typing import Any, Final

import click
import msgspec

from ...control.address import AddressError, choose_socket, describe_running
from ...control.client_side.control_client import (
    ControlError,
    Link,
    NobodyThere,
    ServerGone,
    hello,
    join_pages,
    split_kill,
)
from ...control.protocol import News, Watch
from ...core.commands import Kill, Set
from ...core.events import DETAIL, FIGURES, Event, KillMode, Opened, Snapshot
from ...core.histogram import Histogram
from ...core.settings import RULES, RUNTIME_SETTINGS, rules_of
from ...watch.columns import LISTED, Column, column_named, facts_of
from ...watch.filter import Filter, FilterError, parse_filter
from ...watch.row import Row
from ...watch.state import State
from ...watch.stream import Drained
from ..completion import list_of, one_of
from ..exit_codes import EXIT_FAILED, EXIT_INTERRUPTED
from ..options import ConnectionId, client_options, option
from .printing import cell, print_facts, print_objects, print_result, print_table
from .watching import KINDS, Watcher, parse_kinds

DEFAULT_COLUMNS: Final = (
    "id,peer,state,armed,pending,toggles,frames_out,frames_per_second,age_seconds,idle_seconds,why"
)
ROUND_WITHIN: Final = 1.5
"""Seconds to wait for the next news; an idle server tells its figures once a second."""
_NAMES: Final = tuple(column.json_name for column in LISTED)
OFFSETS: Final = tuple(
    name for name in Snapshot.__struct_fields__ if name != "t" and name not in _NAMES
)
"""Fields of a connection's latest snapshot that `show` prints after those of `list`."""


class PlainGroup(click.Group):
    """Ends each command plainly: with one line and exit 2 for what cannot be done, and without a
    word when the reader or the person leaves.
    """

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except NobodyThere as error:
            raise click.ClickException(f"{error}; {describe_running()}") from None
        except ServerGone as error:
            print(f"echo-tui ctl: {error}", file=sys.stderr)
            return EXIT_FAILED
        except (ControlError, AddressError) as error:
            raise click.ClickException(str(error)) from None
        except FilterError as error:
            raise click.ClickException(f"filter, character {error.position + 1}: {error}") from None
        except BrokenPipeError:
            return 0
        except KeyboardInterrupt:
            return EXIT_INTERRUPTED


def linked(control: str | None, command: str) -> Link:
    """Connect to the server that ``--control`` means. Raises `AddressError`, `ControlError`."""
    return Link.open(choose_socket(control), hello(f"ctl {command}"))


def fetch_state(link: Link) -> tuple[State, float]:
    """Ask for everything that is known; also return when that was, in Unix seconds.

    A page may list a connection without figures: it has closed since, or has just opened. Its end
    or its first figures are in the news, which are read up to the end of the next round. What opens
    after the pages is left out: it has no figures yet.
    """
    pages = link.fetch_pages()
    state, now = State(closed_limit=0), pages[-1].t
    state.apply(join_pages(pages), now)
    has_round = False
    while not has_round and any(row.snapshot is None for row in state.live()):
        try:
            message = link.receive(within=ROUND_WITHIN)
        except ControlError:
            break  # a loop that hangs tells no figures: what is known is the answer
        if isinstance(message, News):
            now, has_round = message.t, message.stats is not None
            events: list[Event] = [e for e in message.events if not isinstance(e, Opened)]
            snapshots = list(message.snapshots)
            state.apply(Drained(events, snapshots, message.stats, message.dropped), now)
    return state, now


def passing_rows(state: State, now: float, chosen: Filter) -> list[Row]:
    """Return the open connections that pass a filter, by id."""
    return sorted((row for row in state.live() if chosen.passes(row, now)), key=lambda row: row.id)


@click.group(cls=PlainGroup, no_args_is_help=False)
def ctl() -> None:
    """Look at a running server and change it, from scripts."""


where_option = click.option("--where", metavar="FILTER", default="", help="As in the dashboard.")
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@ctl.command("list")
@client_options
@where_option
@json_option
@click.option(
    "--columns",
    default=DEFAULT_COLUMNS,
    metavar="A,B,…",
    shell_complete=list_of(_NAMES),
    help="Which, in their order.",
)
@click.option(
    "--sort",
    default="id",
    metavar="COLUMN",
    shell_complete=one_of(_NAMES),
    help="By any column.  [default: id]",
)
@click.option("--reverse", is_flag=True, help="The largest first.")
@click.option("--no-header", is_flag=True, help="No line of names.")
def list_command(
    control: str | None,
    where: str,
    as_json: bool,
    columns: str,
    sort: str,
    reverse: bool,
    no_header: bool,
) -> int:
    """The open connections, a line each."""
    chosen = [_column(name) for name in columns.split(",")]
    order, passing = _column(sort).sort_value, parse_filter(where)
    with linked(control, "list") as link:
        state, now = fetch_state(link)
    rows = passing_rows(state, now, passing)
    rows.sort(key=lambda row: order(row, now), reverse=reverse)
    if as_json:
        is_chosen = columns != DEFAULT_COLUMNS
        shown = chosen if is_chosen else LISTED
        # A connection is named by its server and its id.
        named = {} if is_chosen else {"instance": link.instance}
        print_objects(
            named | {column.json_name: column.json_value(row, now) for column in shown}
            for row in rows
        )
        return 0
    names = [column.json_name for column in chosen]
    lines = [[cell(column.json_value(row, now)) for column in chosen] for row in rows]
    print_table(names, lines, not no_header)
    return 0


@ctl.command()
@client_options
@json_option
@click.argument("connection_id", metavar="ID", type=ConnectionId())
def show(control: str | None, as_json: bool, connection_id: int) -> int:
    """All that is known of one open connection."""
    with linked(control, "show") as link:
        state, now = fetch_state(link)
    row = state.rows.get(connection_id)
    if row is None:
        print(f"echo-tui ctl: no connection #{connection_id} is open", file=sys.stderr)
        return EXIT_FAILED
    facts: dict[str, Any] = dict(facts_of(row, now))
    if row.snapshot is not None:
        facts |= {name: getattr(row.snapshot, name) for name in OFFSETS}
        facts |= {"header": row.snapshot.header.hex(), "closing": row.snapshot.closing or ""}
    print_facts(facts, as_json)
    return 0


@ctl.command()
@client_options
@where_option
@json_option
@option(rules_of(Kill)["mode"])
@click.option(
    "--instance",
    metavar="HEX",
    default="",
    help="Only if the server is this one, which `list --json` names.",
)
@click.argument("ids", metavar="[ID]…", nargs=-1, type=ConnectionId())
def kill(
    control: str | None,
    where: str,
    as_json: bool,
    mode: KillMode,
    instance: str,
    ids: tuple[int, ...],
) -> int:
    """End connections, by their ids or by a filter; tells what became of each."""
    if bool(ids) == bool(where.strip()):
        raise click.UsageError("kill takes ids, or --where FILTER, and not both")
    chosen = parse_filter(where)
    failed = False
    with linked(control, "kill") as link:
        if where:
            ids = tuple(row.id for row in passing_rows(*fetch_state(link), chosen))
        if not ids:
            print("echo-tui ctl: no open connection passes the filter", file=sys.stderr)
        unique = tuple(dict.fromkeys(ids))
        whole = Kill(request=1, instance=instance, ids=unique, mode=mode)
        for request, part in enumerate(split_kill(whole), 1):
            for result in link.carry_out(msgspec.structs.replace(part, request=request)):
                failed = failed or not result.ok
                print_result(result, as_json)
    return EXIT_FAILED if failed else 0


def _values(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """The words that a setting may be; those that are numbers are not guessed."""
    rule = RULES.get(str(context.params.get("name")).replace("-", "_"))
    return one_of(rule.choices if rule else ())(context, parameter, begun)


@ctl.command("set")
@client_options
@json_option
@click.argument(
    "name", shell_complete=one_of([name.replace("_", "-") for name in RUNTIME_SETTINGS])
)
@click.argument("value", shell_complete=_values)
def set_command(control: str | None, as_json: bool, name: str, value: str) -> int:
    """Change a setting: cap, write-mode, max-connections, header-timeout and the like."""
    command = Set(request=1, name=name.replace("-", "_"), value=value)
    with linked(control, "set") as link:
        result = next(link.carry_out(command))
    if result.ok or as_json:
        print_result(result, as_json)
    else:
        print(f"echo-tui ctl: {result.message}", file=sys.stderr)
    return 0 if result.ok else EXIT_FAILED


@ctl.command()
@client_options
@json_option
def stats(control: str | None, as_json: bool) -> int:
    """The server's settings and figures."""
    with linked(control, "stats") as link:
        state, now = fetch_state(link)
    facts: dict[str, Any] = {}
    listening = state.listening
    if listening is not None:
        facts = {
            name: getattr(listening, name) for name in ("host", "port", "pid", "instance", "poller")
        }
        facts["up_seconds"] = round(now - listening.t, 3)
        facts |= {name: getattr(listening, name) for name in RUNTIME_SETTINGS}
        facts |= _listener_facts(state, as_json)
    if state.stats is not None:
        told_apart = (*HISTOGRAMS, "bodies", "accepts")
        figures = msgspec.structs.asdict(state.stats)
        facts |= {name: value for name, value in figures.items() if name not in told_apart}
        for name in HISTOGRAMS:
            told = Histogram.from_counts(getattr(state.stats, name))
            facts |= {f"{name}_{word}": told.percentile(of) for word, of in PERCENTILES.items()}
    if state.process is not None:
        facts |= msgspec.structs.asdict(state.process)
    print_facts(facts, as_json)
    return 0


def _listener_facts(state: State, as_json: bool) -> dict[str, Any]:
    """Return each listener with its accepts: a list for programs, a line each for people."""
    if not as_json:
        return {f"accepts[{address}]": accepts for address, accepts in state.listeners}
    return {
        "listeners": [
            {"host": address.host, "port": address.port, "accepts": accepts}
            for address, accepts in state.listeners
        ]
    }


HISTOGRAMS: Final = ("service_us", "iteration_us")
"""Told by their percentiles, in microseconds since the server's start."""
PERCENTILES: Final = {"p50": 50.0, "p99": 99.0, "p999": 99.9}


@ctl.command()
@client_options
@where_option
@click.option(
    "--events",
    metavar="A,B,…",
    default="",
    shell_complete=list_of(["all", *KINDS]),
    help="Kinds of events, or `all`.",
)
def watch(control: str | None, where: str, events: str) -> int:
    """Events as they happen, as JSON lines, until the server ends.

    Without --events all but the figures: snapshot, loop_stats, process_stats, worker_stats. With
    --where only events of connections that pass.
    """
    kinds, chosen = parse_kinds(events), parse_filter(where)
    detail = any(kind in DETAIL for kind in kinds)
    figures = bool(chosen.text) or any(kind in FIGURES for kind in kinds)
    with linked(control, "watch") as link:
        watcher = Watcher(kinds, chosen if chosen.text else None)
        link.send(Watch(detail=detail, figures=figures))
        while not watcher.has_ended:
            for line in watcher.lines(link.receive(within=None)):
                sys.stdout.buffer.write(line + b"\n")
            sys.stdout.buffer.flush()
    return 0


def _column(name: str) -> Column:
    column = column_named(name)
    if column is None:
        raise click.UsageError(f"no column {name!r}; there are {', '.join(_NAMES)}")
    return column
