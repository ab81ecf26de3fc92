"""Makes the source of a wrong loop from that of the right one, for the child that runs it and for
the reader, in whose copy the lines of the mistake are marked."""

from __future__ import annotations

import difflib
import linecache
from pathlib import Path
from textwrap import indent
from types import ModuleType
from typing import Final

from .mistakes import CONN, LOOP, MISTAKES

LOADED: Final = ".py>"
"""The end of the names by which the code of a loop is known; `linecache` has its lines."""
_FOLDER: Final = Path(__file__).parent


def right_source(file: str) -> str:
    """Return the text of one of the two files of the right loop: `LOOP` or `CONN`."""
    return (_FOLDER / f"{file}.py").read_text("utf-8")


def wrong_source(name: str) -> str:
    """Return the text of the file that has the mistake of this name."""
    mistake = MISTAKES[name]
    source = right_source(mistake.file)
    for place in mistake.difference.strip("\n").split("\n\n"):
        lines = [(line[:1], line[2:]) for line in place.splitlines()]
        old = [text for mark, text in lines if mark != "+"]
        new = [text for mark, text in lines if mark != "-"]
        source = _replace(source, old, new)
    return source


def marked_source(name: str) -> str:
    """Return the same text with its mistake marked: ``>`` before each line that is wrong, ``-``
    before each line of the right loop that is missing there; other lines begin with two blanks."""
    right = right_source(MISTAKES[name].file).splitlines()
    wrong = wrong_source(name).splitlines()
    marks = {"+": ">", "-": "-", " ": " "}
    return "\n".join(
        f"{marks[line[0]]} {line[2:]}".rstrip()
        for line in difflib.Differ().compare(right, wrong)
        if line[0] in marks
    )


def differing_lines(name: str) -> int:
    """Return the number of lines in which a wrong loop differs from the right one: a line in the
    place of another counts once, a line more or less too."""
    matcher = difflib.SequenceMatcher(
        None, right_source(MISTAKES[name].file).splitlines(), wrong_source(name).splitlines(), False
    )
    return sum(
        max(right_end - right, wrong_end - wrong)
        for tag, right, right_end, wrong, wrong_end in matcher.get_opcodes()
        if tag != "equal"
    )


def load(name: str | None) -> ModuleType:
    """Return the module of the loop with a mistake, or of the right one, executed afresh."""
    modules = {}
    for file in (CONN, LOOP):
        is_wrong = name is not None and MISTAKES[name].file == file
        source = wrong_source(name) if name is not None and is_wrong else right_source(file)
        module = modules[file] = ModuleType(f"{__package__}.{file}")
        module.__package__ = __package__
        file_name = f"<{name or 'right'}: {file}{LOADED}"
        lines = source.splitlines(keepends=True)
        linecache.cache[file_name] = len(source), None, lines, file_name
        exec(compile(source, file_name, "exec"), vars(module))
    modules[LOOP].Conn = modules[CONN].Conn  # type: ignore[attr-defined]  # it imported the right one
    return modules[LOOP]


def _replace(source: str, old: list[str], new: list[str]) -> str:
    """Replace whole lines, which stand at one place. Raises `ValueError` if they do not."""
    lines = source.splitlines()
    size = len(old)
    places = []
    for at in range(len(lines) - size + 1):
        margin = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
        if lines[at : at + size] == _with_margin(old, margin):
            places.append((at, margin))
    if len(places) != 1:
        raise ValueError(f"{len(places)} places have these lines: {old}")
    at, margin = places[0]
    lines[at : at + size] = _with_margin(new, margin)
    return "\n".join(lines) + "\n"


def _with_margin(lines: list[str], margin: str) -> list[str]:
    return indent("\n".join(lines), margin).split("\n") if lines else []
