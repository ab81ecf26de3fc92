"""`echo-tui lab`: the classic mistakes of event loops, each beside the right way."""

from __future__ import annotations

import shutil
import sys
from typing import Final

import click
import msgspec

from ..core.printable import printable
from ..core.settings import suggestion
from ..core.words.language import Language, language_of
from ..core.words.wrapping import wrap
from ..lab.composing import marked_source, right_source
from ..lab.lab_check import LabResult, check_scenario
from ..lab.lab_text import write_figure
from ..lab.mistakes import CONN, LOOP, MISTAKES
from ..lab.scenario import Scenario
from ..lab.scenarios import SCENARIOS
from .completion import one_of
from .exit_codes import EXIT_FAILED
from .options import chosen_language, lang_option
from .signals import ended_by_signals

_WIDEST: Final = 100


@click.command()
@click.argument("name", required=False, shell_complete=one_of(tuple(MISTAKES)))
@click.option("--list", "lists", is_flag=True, help="List the scenarios; so does no NAME.")
@click.option("--check", is_flag=True, help="Play it without a screen, as a test.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with --list or --check.")
@click.option("--source", is_flag=True, help="Print the wrong loop, its mistake marked.")
@click.option("--right", is_flag=True, help="With --source: print the right loop.")
@lang_option
def lab(
    name: str | None,
    lists: bool,
    check: bool,
    as_json: bool,
    source: bool,
    right: bool,
    lang: str | None,
) -> int:
    """See a classic mistake of event loops go wrong, beside the right way, on real sockets.

    In each scenario this program's own server and a small loop with one mistake serve the same
    clients, and one figure tells them apart. --check without NAME plays all of them; its exit
    code is 1 unless each mistake was reproduced and the right way was right.
    """
    language = chosen_language(lang)
    chosen = SCENARIOS if name is None else (_find(name),)
    if source:
        return _print_source(name, right)
    if check:
        if sys.platform != "linux":
            raise click.UsageError("the loops of the lab use epoll: --check needs Linux")
        with ended_by_signals():
            results = [_check(scenario, as_json, language) for scenario in chosen]
        return 0 if all(result.ok for result in results) else EXIT_FAILED
    if lists or name is None:
        return _list(chosen, as_json, language)
    return _show(chosen[0])


def _show(scenario: Scenario) -> int:
    """Show one scenario on the screen; return the exit code."""
    from ..lab.lab_server import LabError
    from ..ui.lab_app import LabApp
    from .dashboard import dashboard_preferences, require_terminal
    from .lab_screen import playing

    require_terminal("use --check to play it as a test")
    preferences = dashboard_preferences()
    if obstacle := scenario.find_obstacle():
        raise click.UsageError(obstacle)
    try:
        with ended_by_signals(), playing(scenario, language_of(preferences.lang)) as played:
            return LabApp(played, preferences).run() or 0
    except LabError as error:
        raise click.UsageError(str(error)) from None


def _find(name: str) -> Scenario:
    known = {scenario.name: scenario for scenario in SCENARIOS}
    if name not in known:
        raise click.UsageError(
            f"'{printable(name, 40)}' is no scenario{suggestion(name, known)}: --list names them"
        )
    return known[name]


def _list(scenarios: tuple[Scenario, ...], as_json: bool, language: Language) -> int:
    if as_json:
        listed = [{"name": each.name, **each.text._asdict()} for each in scenarios]
        print(msgspec.json.encode({"scenarios": listed}).decode())
        return 0
    for each in scenarios:
        print(f"{each.name:22}{language.text(each.text.title)}")
    return 0


def _print_source(name: str | None, right: bool) -> int:
    if right:
        print("\n\n".join(f"# {file}.py\n{right_source(file)}" for file in (LOOP, CONN)), end="")
        return 0
    if name is None:
        raise click.UsageError("NAME is missing: lab NAME --source, or lab --source --right")
    more = MISTAKES[name].differs_more
    print(f"# {MISTAKES[name].file}.py with a mistake: > is wrong, - is missing, as it is right")
    print(marked_source(name))
    if more:
        print(f"# It differs in more lines than others: {more}.")
    return 0


def _check(scenario: Scenario, as_json: bool, language: Language) -> LabResult:
    result = check_scenario(scenario)
    if as_json:
        print(msgspec.json.encode(result, enc_hook=str).decode(), flush=True)
    else:
        _print_result(result, language)
    return result


def _print_result(result: LabResult, language: Language) -> None:
    word = "skip" if result.skipped else "ok" if result.ok else "FAIL"
    figures = ""
    if result.right is not None and result.wrong is not None:
        figures = f"{write_figure(result.right)} -> {write_figure(result.wrong)}"
        figures += f" {language.text(result.unit)}"
    print(f"{word:5}{result.name:22}{result.seconds:5.1f} s  {figures}".rstrip())
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    indent = " " * 5
    print(wrap(language.text(result.text), max(width, 60), indent, indent), flush=True)
