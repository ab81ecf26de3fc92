"""`ctl hold|step|go|break`: a loop that is held before each of its system calls (`--step`)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated, Final

import click

from ...control.client_side.control_client import Link
from ...control.protocol import Do, News, Watch
from ...core.commands import Step, StepAction
from ...core.events import CommandResult
from ...core.printable import printable
from ...core.settings import Rule, bounds
from ...core.stepping import FASTEST, MOST_STEPS, SLOWEST, Stepped
from ..exit_codes import EXIT_FAILED
from ..options import Judged, client_options, option
from .linking import json_option, linked
from .printing import encode, print_result

_REQUEST: Final = 1
_PACED: Final = "Seconds for each call; without it as fast as can be."
_UNITS: Final = ("call", "iteration")
_NUMBER: Final = Rule(
    "number", Annotated[int, bounds(1, 1_000_000, option="the number of a breakpoint")]
)
_PACE: Final = Rule("pace", Annotated[float, bounds(FASTEST, SLOWEST, _PACED, unit="seconds")])


@click.command()
@client_options
@json_option
def hold(control: str | None, as_json: bool) -> int:
    """Hold the loop before its next system call; its clock stands then."""
    return _do(control, as_json, Step(request=_REQUEST, action=StepAction.HOLD))


@click.command()
@client_options
@json_option
@click.argument("words", metavar="[call|iteration] [N]", nargs=-1)
def step(control: str | None, as_json: bool, words: tuple[str, ...]) -> int:
    """Make N calls, or go on to the N-th next poll; a line a call: call, fd, id, result, µs."""
    rest = list(words)
    unit = rest.pop(0) if rest and rest[0] in _UNITS else "call"
    number = rest.pop(0) if rest else "1"
    is_number = number.isascii() and number.isdigit() and len(number) < 12
    if rest or not is_number or not 1 <= int(number) <= MOST_STEPS:
        given = printable(" ".join(words), 60)
        raise click.UsageError(f"step {given!r}: write call or iteration, and 1 to {MOST_STEPS:,}")
    command = Step(request=_REQUEST, action=StepAction(unit), count=int(number))
    return _do(control, as_json, command)


@click.command()
@client_options
@json_option
@option(_PACE)
def go(control: str | None, as_json: bool, pace: float | None) -> int:
    """Let a held loop go on."""
    action = StepAction.GO if pace is None else StepAction.PACE
    return _do(control, as_json, Step(request=_REQUEST, action=action, pace=pace or 0.0))


@click.group("break")
def break_group() -> None:
    """Breakpoints: toggle, EAGAIN, partial, #ID, STATE>STATE, or a filter such as pending>64K."""


@break_group.command("add")
@client_options
@json_option
@click.argument("text", metavar="WHERE")
def break_add(control: str | None, as_json: bool, text: str) -> int:
    """Hold the loop where this is met."""
    return _do(control, as_json, Step(request=_REQUEST, action=StepAction.ADD, text=text))


@break_group.command("list")
@client_options
@json_option
def break_list(control: str | None, as_json: bool) -> int:
    """All breakpoints with their numbers."""
    return _do(control, as_json, Step(request=_REQUEST, action=StepAction.LIST))


@break_group.command("remove")
@client_options
@json_option
@click.argument("number", metavar="N", type=Judged(_NUMBER))
def break_remove(control: str | None, as_json: bool, number: int) -> int:
    """Remove the breakpoint of that number."""
    return _do(control, as_json, Step(request=_REQUEST, action=StepAction.REMOVE, count=number))


def _do(control: str | None, as_json: bool, command: Step) -> int:
    """Send a command to the loop's gate; print the calls that it led to, and its answer."""
    ok = False
    with linked(control, command.action) as link:
        link.send(Watch(detail=False, figures=False))
        link.send(Do(command=command))
        for event in _events(link):
            if isinstance(event, Stepped):
                _print(event, as_json)
            elif event.request == _REQUEST:
                ok = event.ok
                if ok or as_json:
                    print_result(event, as_json)
                else:
                    print(f"echo-tui ctl: {event.message}", file=sys.stderr)
                break
    return 0 if ok else EXIT_FAILED


def _events(link: Link) -> Iterator[Stepped | CommandResult]:
    """Yield calls and answers as they come. Raises `ControlError` when the server is gone."""
    while True:
        message = link.receive()
        if isinstance(message, News):
            for event in message.events:
                if isinstance(event, Stepped | CommandResult):
                    yield event


def _print(made: Stepped, as_json: bool) -> None:
    if as_json:
        sys.stdout.buffer.write(encode(made) + b"\n")
        sys.stdout.buffer.flush()
        return
    fd = "-" if made.fd < 0 else str(made.fd)
    who = f"#{made.id}" if made.id else "-"
    print(f"{made.call:8} fd {fd:4} {who:6} {made.outcome:20} {made.us:,} µs", flush=True)
