"""`echo-tui check`: grade a client, or a server, of frames with a 4-byte length."""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import click
import msgspec

from ..core.fault_spec import MOST_SEED
from ..core.printable import printable, reason_of
from ..core.settings import PeerPort, Rule, Settings, bounds, rules_of
from ..core.words.language import Language
from ..core.words.wrapping import wrap
from ..proving.check_evidence import Evidence
from ..proving.client_cases import CLIENT_CASES, ClientCase
from ..proving.client_check import ClientCheck
from ..proving.client_run import CannotCheck, ClientCommand, shown_words
from ..proving.server_cases import SERVER_CASES, STORM, ServerCase
from ..proving.server_check import check_server
from ..proving.server_target import Target, is_loopback
from ..proving.verdict import CaseVerdict, Grade
from .exit_codes import EXIT_FAILED
from .options import Host, Judged, chosen_language, lang_option, option
from .signals import ended_by_signals

_WIDEST: Final = 120

Seed: TypeAlias = Annotated[
    int, bounds(0, MOST_SEED, "The same seed, the same pieces.  [default: any]")
]
CaseTimeout: TypeAlias = Annotated[
    float, bounds(0.5, 600, "Seconds for each case.", unit="seconds")
]
ProcessId: TypeAlias = Annotated[
    int, bounds(1, 1 << 22, "Its process: also CPU, descriptors, memory.")
]
"""Linux has no larger one (proc_sys_kernel(5), pid_max)."""


@click.group(no_args_is_help=False)
def check() -> None:
    """Grade a client or a server: one case after the other, a verdict in a sentence each."""


def check_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that both checks have."""
    for each in reversed(
        (
            click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
            click.option(
                "--junit", metavar="FILE", type=click.Path(path_type=Path), help="Write a report."
            ),
            click.option(
                "--case", "names", metavar="NAME", multiple=True, help="Only this case; repeatable."
            ),
            click.option("--list", "lists", is_flag=True, help="List the cases, and run nothing."),
            option(Rule("seed", Seed), default=None, show_default=False),
            option(Rule("timeout", CaseTimeout, 10.0)),
            lang_option,
        )
    ):
        command = each(command)
    return command


@check.command(context_settings={"allow_interspersed_args": False})
@check_options
@click.option(
    "--keep",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Keep the evidence: the bytes both ways, its output, what was done to it.",
)
@click.option(
    "--env",
    "variables",
    metavar="NAME=VALUE",
    multiple=True,
    help="A variable for the client; {host} and {port} in it are filled in, too.",
)
@click.argument("words", metavar="-- CMD … {host} {port}", nargs=-1, type=click.UNPROCESSED)
def client(
    as_json: bool,
    junit: Path | None,
    names: tuple[str, ...],
    lists: bool,
    seed: int | None,
    timeout: float,
    lang: str | None,
    keep: Path | None,
    variables: tuple[str, ...],
    words: tuple[str, ...],
) -> int:
    """Run a client once for each case, each against a server of its own.

    A right client exits with 0 where its echo was whole, cut or late, and with another code, in
    time, where the echo was wrong or missing. {host} and {port} in CMD stand for the server's.
    """
    language = chosen_language(lang)
    cases = _chosen(CLIENT_CASES, names)
    if lists:
        return _list(cases, as_json, language)
    if not words:
        raise click.UsageError("CMD is missing: check client -- ./my-client {host} {port}")
    env = dict(_divided(variable) for variable in variables)
    command = ClientCommand(words, env)
    if not any("{port}" in text for text in (*words, *env.values())):
        raise click.UsageError("CMD has no {port}: write it where the client is told its port")
    _judge_report(junit)
    seed = random.randrange(MOST_SEED) if seed is None else seed
    with ended_by_signals():
        try:
            evidence = None if keep is None else Evidence(keep)
            checked = ClientCheck(command, timeout, seed, evidence)
            verdicts = list(_told(checked.play(cases), as_json, len(cases), language))
        except CannotCheck as error:
            raise click.UsageError(str(error)) from None
    return _report(Grade(shown_words(words), seed, verdicts), as_json, junit, language)


@check.command()
@check_options
@option(rules_of(Settings)["cap"], default=None, help="Its largest body, if that is known.")
@option(Rule("pid", ProcessId))
@click.option("--yes-really", is_flag=True, help="Also a server that is not on this machine.")
@click.argument("host", type=Host(), required=False)
@click.argument("port", type=Judged(Rule("port", PeerPort)), required=False)
def server(
    as_json: bool,
    junit: Path | None,
    names: tuple[str, ...],
    lists: bool,
    seed: int | None,
    timeout: float,
    lang: str | None,
    cap: int | None,
    pid: int | None,
    yes_really: bool,
    host: str | None,
    port: int | None,
) -> int:
    """Grade a server that runs already and echoes frames with a 4-byte big-endian length.

    It gets up to 200 connections at once and some 100 MB of frames; one on another machine only
    with --yes-really.
    """
    language = chosen_language(lang)
    cases = _chosen(SERVER_CASES, names)
    if lists:
        return _list(cases, as_json, language)
    if host is None or port is None:
        raise click.UsageError("HOST and PORT of the server are missing: check server HOST PORT")
    if not yes_really and not is_loopback(host):
        raise click.UsageError(
            f"{printable(host)} is not this machine: {STORM} connections and some 100 MB of frames"
            " would go there; give --yes-really if it is yours"
        )
    _judge_report(junit)
    seed = random.randrange(MOST_SEED) if seed is None else seed
    target = Target(host, port, timeout, seed, cap, pid)
    verdicts = list(_told(check_server(target, cases), as_json, len(cases), language))
    return _report(Grade(f"{host} {port}", seed, verdicts), as_json, junit, language)


Case = TypeVar("Case", ClientCase, ServerCase)


def _chosen(cases: Sequence[Case], names: Sequence[str]) -> list[Case]:
    known = {case.name: case for case in cases}
    for name in names:
        if name not in known:
            raise click.UsageError(f"{printable(name)!r} is no case: --list names them")
    return [case for case in cases if not names or case.name in names]


def _list(cases: Iterable[ClientCase | ServerCase], as_json: bool, language: Language) -> int:
    if as_json:
        listed = [{"case": case.name, "meets": case.meets} for case in cases]
        print(msgspec.json.encode({"cases": listed}).decode())
        return 0
    for case in cases:
        print(f"{case.name:20} {language.text(case.meets)}")
    return 0


def _judge_report(junit: Path | None) -> None:
    """Refuse a report that cannot be written, before minutes are spent."""
    if junit is not None:
        was_there = junit.exists()
        try:
            junit.open("a").close()
            if not was_there:
                junit.unlink()  # a check that is broken off leaves no empty report
        except OSError as error:
            raise click.UsageError(_cannot_write(junit, error)) from None


def _cannot_write(junit: Path, error: OSError) -> str:
    return f"--junit {printable(str(junit))}: {reason_of(error)}"


def _divided(variable: str) -> tuple[str, str]:
    name, is_given, value = variable.partition("=")
    if not (name and is_given):
        raise click.UsageError(f"--env {printable(variable)!r} is not NAME=VALUE")
    return name, value


def _told(
    verdicts: Iterator[CaseVerdict], as_json: bool, count: int, language: Language
) -> Iterator[CaseVerdict]:
    """Print each verdict as it comes, and on a terminal which case is under way."""
    is_live = sys.stderr.isatty()
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    number = 0
    while True:
        if is_live:
            print(f"\r{number + 1} of {count} …", end="", file=sys.stderr, flush=True)
        verdict = next(verdicts, None)
        if is_live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        if verdict is None:
            return
        number += 1
        if not as_json:
            _print_verdict(verdict, width, language)
        yield verdict


def _print_verdict(verdict: CaseVerdict, width: int, language: Language) -> None:
    word = "skip" if verdict.skipped else "ok" if verdict.ok else "FAIL"
    head = f"{word:5}{verdict.case:20} {verdict.seconds:5.1f} s  "
    indent = " " * len(head)
    print(wrap(language.text(verdict.text), max(width, 60), head, indent))


def _report(grade: Grade, as_json: bool, junit: Path | None, language: Language) -> int:
    if as_json:
        print(grade.to_json())
    else:
        print(f"{language.text(grade.summary)} (seed {grade.seed})")
    if junit is not None:
        try:
            junit.write_text(grade.to_junit(), "utf-8")
        except OSError as error:
            raise click.UsageError(_cannot_write(junit, error)) from None
    return 0 if grade.ok else EXIT_FAILED
