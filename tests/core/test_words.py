"""The Korean table: complete, with the same fields, and nothing in it that nobody says."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import string
from collections.abc import Iterator

import pytest
from rich.cells import cell_len

import app.ui
from app.core.words.korean import KOREAN, PARTS
from app.core.words.language import (
    ENGLISH,
    capitalize,
    choose_language,
    compose,
    join_texts,
    language_of,
)
from app.core.words.wrapping import width_of, wrap
from app.doctor.hypotheses import _ALL, _NAMED_TAILS
from app.doctor.numbers import _BEGINNINGS, _SHORT_BEGINNINGS
from app.doctor.words import MENDED_BY
from app.lab.scenarios import TEXTS
from app.proving.client_cases import CLIENT_CASES
from app.proving.server_cases import SERVER_CASES
from app.ui import topics
from app.ui.actions import GROUPS
from app.ui.help_screen import KEYS, RECIPES, WANTED
from app.ui.lab_app import _LABEL
from app.ui.replay_app import HELP as REPLAY_HELP
from tests.program import ROOT

KO = language_of("ko")
FIELD = re.compile(r"\{[a-z_]+\d*[:}]")
SAME = re.compile(r"[\w /.:,()§-]*", re.ASCII)
GRAMMAR = re.compile(r"\b(a|an|the|of|in|with|without|and|on|over|it|but|behind|is|are|to)\b")
SAYING = {"Wrong", "NotPossible", "_say", "expect", "expect_end", "rest_quietly", "_check"}
MODULES = [path for path in (ROOT / "app").rglob("*.py") if "words" not in path.parts]
TREES = {str(path.relative_to(ROOT)): ast.parse(path.read_text("utf-8")) for path in MODULES}


def constants(tree: ast.AST) -> Iterator[str]:
    """Yield every text of a module but docstrings and the parts of f-strings."""
    left_out: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            left_out |= {id(part) for part in ast.walk(node)}
        elif isinstance(node, ast.Expr):
            left_out.add(id(node.value))
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in left_out:
            yield node.value  # type: ignore[attr-defined]


def templates() -> Iterator[str]:
    """Yield the templates of every module that composes."""
    for tree in TREES.values():
        names = {node.func.id for node in ast.walk(tree)
                 if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}  # fmt: skip
        if names & {"compose", "Wrong"}:
            yield from (text for text in constants(tree) if FIELD.search(text) and " " in text)


def names_of_protocols() -> Iterator[str]:
    """Yield the second argument of each `Match` in the doctor."""
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            is_match = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Match"
            if path.startswith("app/doctor") and is_match and len(node.args) > 1:  # type: ignore[attr-defined]
                match node.args[1]:  # type: ignore[attr-defined]
                    case ast.Constant(value=str() as text):
                        yield text


def verdicts() -> Iterator[str]:
    """Yield the texts without fields of `Wrong`, `NotPossible` and the like in `app.proving`."""
    for path, tree in TREES.items():
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        for call in calls if path.startswith("app/proving") else ():
            if getattr(call.func, "id", getattr(call.func, "attr", "")) in SAYING:
                given = (each.value for each in call.args if isinstance(each, ast.Constant))
                yield from (text for text in given if isinstance(text, str) and " " in text)


def helps() -> Iterator[str]:
    """Yield the help of every widget and screen."""
    for module in pkgutil.iter_modules(app.ui.__path__):
        for each in vars(importlib.import_module(f"app.ui.{module.name}")).values():
            if inspect.isclass(each) and isinstance(text := each.__dict__.get("HELP"), str):
                yield text


def told() -> Iterator[str]:
    """Yield every text that is to be told in Korean, as English has it."""
    yield from templates()
    for text in TEXTS.values():
        yield from (text.title, text.question, *text.answers, text.why, text.line, text.label)
        yield from (text.result, text.unit, text.section, text.man)
    for title, table in topics.GROUPS:
        yield title
        yield from (each.text for each in table.values())
    for group, actions in GROUPS.items():
        yield from (group, *(action.words for action in actions))
    for wish, way, _ in RECIPES:
        yield from (wish, way)
    yield from (text for text in helps() if text)
    yield from (REPLAY_HELP, topics.SECTIONS_OF, "help", "a view")
    for case in (*CLIENT_CASES, *SERVER_CASES):
        yield case.meets
    yield from (case.bug for case in CLIENT_CASES if case.bug)
    yield from (bug for case in SERVER_CASES for bug in case.bugs.values())
    yield from MENDED_BY.values()
    yield from (framing.words for framing in _ALL if framing.words)
    for tail in _NAMED_TAILS.values():
        yield f"right frames, each followed by {tail} that the length leaves out"
    yield from names_of_protocols()
    yield from verdicts()
    yield from (words for _, _, words in _BEGINNINGS)
    yield from (words for _, _, words, _ in _SHORT_BEGINNINGS)


def is_a_name(english: str) -> bool:
    """Whether a text is the same in both languages: names, calls, numbers of sections, units."""
    return SAME.fullmatch(english) is not None and not GRAMMAR.search(english)


def fields(template: str) -> list[tuple[str, str]]:
    parsed = string.Formatter().parse(template)
    return sorted({(name, how or "") for _, name, how, _ in parsed if name is not None})


def test_no_text_lacks_its_korean() -> None:
    lacking = {text for text in told() if KO.text(text) == text and text not in KOREAN}
    assert {text for text in lacking if not is_a_name(text)} == set()


def test_no_korean_is_of_a_text_that_is_gone() -> None:
    said = {text for tree in TREES.values() for text in constants(tree)} | {*told()}
    gone = [key for key in KOREAN if key not in said and "{}" not in key]
    gone = [key for key in gone if not key.startswith(("PostgreSQL (", "{part0}; or"))]
    assert gone == []


def test_no_text_stands_in_two_tables() -> None:
    assert sum(map(len, PARTS)) == len(KOREAN)


@pytest.mark.parametrize("english", [key for key in KOREAN if "{" in key])
def test_a_template_has_the_same_fields_in_both_languages(english: str) -> None:
    assert fields(KOREAN[english]) == fields(english)


def test_korean_has_the_width_of_its_place() -> None:
    for text in TEXTS.values():
        assert cell_len(KO.text(text.title)) <= 76, text.title
        assert cell_len(KO.text(text.unit)) <= 24, text.unit
    for group, actions in GROUPS.items():
        assert cell_len(KO.text(group)) <= KEYS - 2
        for action in actions:
            assert cell_len(KO.text(action.words)) <= 27, action.words
    for wish, _, _ in RECIPES:
        assert cell_len(KO.text(wish)) < WANTED, wish
    for label in ("the line", "read on"):
        assert cell_len(KO.text(label)) < _LABEL
    assert max(map(cell_len, KO.text(REPLAY_HELP).splitlines())) <= 72


def test_a_sentence_is_looked_up_by_its_template_and_its_texts_too() -> None:
    length = compose("{count:,} bytes", count=1234)
    said = compose("At offset {at:,} the header {spelt} announces {size}",
                   at=5, spelt="00 00", size=length)  # fmt: skip
    assert said == "At offset 5 the header 00 00 announces 1,234 bytes"
    assert KO.text(said) == "오프셋 5의 헤더(00 00)가 알리는 길이는 1,234바이트이다"
    assert KO.text(join_texts(["1 byte", "1 frame"])) == "1바이트 프레임 1개"
    assert KO.text(capitalize("plain text")) == "평범한 텍스트"
    assert (capitalize("plain text"), ENGLISH.text(said)) == ("Plain text", str(said))


def test_a_text_with_numbers_has_one_entry_for_all_of_them() -> None:
    english = "right frames in buffers of 1,024 bytes that are sent whole, the rest zeros"
    assert KO.text(english) == "1,024바이트 버퍼째 보낸 올바른 프레임, 나머지는 0"
    assert KO.text("no such text of 3 words") == "no such text of 3 words"


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        ({}, "en"),
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "ko"}, "ko"),
        ({"LANG": "kok_IN"}, "en"),
        ({"LANG": "ko_KR.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "ko_KR.UTF-8", "LC_MESSAGES": "en_GB"}, "en"),
        ({"LANG": "C.UTF-8", "LC_ALL": "", "LC_MESSAGES": "ko_KR"}, "ko"),
    ],
)
def test_the_locale_chooses_the_language(environment: dict[str, str], code: str) -> None:
    assert choose_language(environment) == code


def test_lines_are_wrapped_by_cells() -> None:
    text = "프레임 하나에 여러 차례가 걸린다. " * 9 + "a-word-that-is-wider-than-the-whole-line"
    lines = wrap(text, 30, "ok   ", "     ").splitlines()
    assert lines[0].startswith("ok   프레임")
    assert all(width_of(line) == cell_len(line) for line in lines)
    assert max(map(cell_len, lines[:-1])) <= 30
    assert " ".join(line[5:] for line in lines) == text
    assert wrap("", 30) == ""
