"""`echo-tui ctl`: a running server for scripts (docs/control.md says what each command prints).

Made for pipes: fields with stable names and plain figures, an answer for each thing asked for, no
colour and no word too many. Exit codes: 0 done, 1 something of it failed, 2 not possible at all.
"""

from __future__ import annotations

import sys
from typing import Any, Final

import click
import msgspec

from ...control.address import AddressError, describe_running
from ...control.client_side.control_client import (
    ControlError,
    NobodyThere,
    ServerGone,
    Unanswered,
)
from ...control.protocol import Watch
from ...core.commands import Set
from ...core.events import DETAIL, FIGURES
from ...core.histogram import Histogram
from ...core.settings import RULES, RUNTIME_SETTINGS
from ...watch.filter import FilterError, parse_filter
from ...watch.state import State
from ..completion import list_of, one_of
from ..exit_codes import EXIT_FAILED, EXIT_INTERRUPTED
from ..options import client_options
from .export_command import export
from .fault_command import fault
from .killing import kill
from .linking import fetch_process, fetch_state, json_option, linked
from .lint_command import lint_command
from .listing import list_command, show, why
from .printing import print_facts, print_result
from .record_command import record
from .watching import KINDS, Watcher, parse_kinds, wait_for_news


class PlainGroup(click.Group):
    """Ends each command plainly: with one line and exit 2 for what cannot be done, and without a
    word when the reader or the person leaves.
    """

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except NobodyThere as error:
            raise click.ClickException(f"{error}; {describe_running()}") from None
        except (ServerGone, Unanswered) as error:
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


@click.group(cls=PlainGroup, no_args_is_help=False)
def ctl() -> None:
    """Look at a running server and change it, from scripts."""


for command in (list_command, show, why, lint_command, kill, fault, record, export):
    ctl.add_command(command)


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
        fetch_process(link, state)
    facts: dict[str, Any] = {}
    listening = state.listening
    if listening is not None:
        facts = {
            name: getattr(listening, name) for name in ("host", "port", "pid", "instance", "poller")
        }
        facts["up_seconds"] = round(now - listening.t, 3)
        facts |= {name: getattr(listening, name) for name in RUNTIME_SETTINGS}
        facts["listeners"] = _listeners(state, as_json)
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


def _listeners(state: State, as_json: bool) -> list[Any]:
    """Return each listener with its accepts: an object for programs, words for people."""
    return [
        {"host": address.host, "port": address.port, "accepts": accepts}
        if as_json
        else f"{address} accepts {accepts}"
        for address, accepts in state.listeners
    ]


HISTOGRAMS: Final = ("service_us", "iteration_us")
"""Told by their percentiles, in microseconds since the server's start."""
PERCENTILES: Final = {"p50": 50.0, "p99": 99.0, "p999": 99.9}


@ctl.command()
@client_options
@click.option("--where", metavar="FILTER", default="", help="As in the dashboard.")
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
        while not watcher.has_ended and wait_for_news(link, sys.stdout.fileno()):
            for message in link.receive_ready():
                for line in watcher.lines(message):
                    sys.stdout.buffer.write(line + b"\n")
            sys.stdout.buffer.flush()
    return 0
