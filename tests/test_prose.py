"""The prose of app/: sentences of docstrings, public definitions without one, names given up."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program import ROOT

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
TREES = {
    str(path.relative_to(ROOT)): ast.parse(path.read_text("utf-8"))
    for path in sorted((ROOT / "app").rglob("*.py"))
}
RIDDLES = {"Who", "What", "Of", "That", "Those", "Whose", "Where", "How"}
"""A sentence that begins with one of these is most often only part of one."""
MOST_RIDDLES = 0.015
MOST_WITHOUT_DOCSTRING = 0.15
GIVEN_UP = {"Company", "Front", "Seats", "Desk", "Deed", "Teller", "Reel", "Verbs"}
"""Names that had to be explained; `Share` is only too general for a class."""


def docstrings(tree: ast.AST) -> Iterator[str]:
    """Yield the docstrings of a module and of its definitions, and the texts behind attributes."""
    bodies = (getattr(node, "body", None) for node in ast.walk(tree))
    for statement in (each for body in bodies if isinstance(body, list) for each in body):
        match statement:
            case ast.Expr(value=ast.Constant(value=str() as text)):
                yield text


def riddles(text: str) -> tuple[list[str], int]:
    """Return the sentences that begin with a word of `RIDDLES`, and the number of sentences."""
    sentences = [each for each in re.split(r"(?<=[.!?])\s+|\n\s*\n", text) if each.strip()]
    first_words = ((re.search(r"\w+", sentence), sentence) for sentence in sentences)
    found = [" ".join(each.split()) for word, each in first_words if word and word[0] in RIDDLES]
    return found, len(sentences)


def public(tree: ast.AST) -> Iterator[Definition]:
    """Yield classes, functions and methods without a leading underscore, none inside functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, DEFINITIONS) and not node.name.startswith("_"):
            yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from public(node)


def name_parts(name: str) -> set[str]:
    """Return the words of a name: `load_reel` and `LoadReel` both have `Reel`."""
    return {part.capitalize() for part in re.findall(r"[A-Z]?[a-z]+", name)}


def test_docstrings_begin_with_a_verb_or_a_noun() -> None:
    found, total = [], 0
    for path, tree in TREES.items():
        for text in docstrings(tree):
            begun, sentences = riddles(text)
            found += [f"{path}: {sentence[:70]}" for sentence in begun]
            total += sentences
    assert len(found) <= MOST_RIDDLES * total, "\n".join(found)


def test_public_definitions_have_a_docstring() -> None:
    names = {
        f"{path}: {node.name}": ast.get_docstring(node)
        for path, tree in TREES.items()
        for node in public(tree)
    }
    lacking = [name for name, text in names.items() if not text]
    assert len(lacking) <= MOST_WITHOUT_DOCSTRING * len(names), "\n".join(lacking)


def test_names_that_had_to_be_explained_are_gone() -> None:
    names = [(path, Path(path).stem) for path in TREES]
    names += [
        (path, node.name)
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, DEFINITIONS)
    ]
    assert [name for name in names if name_parts(name[1]) & GIVEN_UP or name[1] == "Share"] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Whose turn it is. Return it.", ["Whose turn it is."]),
        ("Return it.\n\nOf the last second.", ["Of the last second."]),
        ("Return whether it ends. Wherever it is.", []),
    ],
)
def test_a_riddle_is_found(text: str, found: list[str]) -> None:
    assert riddles(text) == (found, 2)
