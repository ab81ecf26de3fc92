"""The wrong loops as text: short, right but for a few lines, and marked where they are wrong."""

from __future__ import annotations

import ast

import pytest

from app.lab import composing
from app.lab.composing import differing_lines, load, marked_source, right_source, wrong_source
from app.lab.mistakes import CONN, LOOP, MISTAKES, MOST_LINES, Mistake

MOST_LONG = 80
DIFFER_MORE = {"thread-each"}


@pytest.mark.parametrize("file", [LOOP, CONN])
def test_the_right_loop_is_short(file: str) -> None:
    assert right_source(file).count("\n") < 70


@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_loop_is_the_right_one_but_for_a_few_lines(name: str) -> None:
    source = wrong_source(name)
    assert source.count("\n") < MOST_LONG
    assert max(map(len, source.splitlines())) <= 100
    lines = differing_lines(name)
    assert lines > 0
    assert (lines > MOST_LINES) == bool(MISTAKES[name].differs_more) == (name in DIFFER_MORE)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_loop_is_a_module_with_the_same_functions(name: str) -> None:
    made, right = load(name), load(None)
    added = {"serve_alone"} if name == "thread-each" else set()
    assert set(vars(made.EchoLoop)) - set(vars(right.EchoLoop)) == added
    assert set(vars(made.Conn)) == set(vars(right.Conn))
    assert made.EchoLoop is not right.EchoLoop


@pytest.mark.parametrize("name", MISTAKES)
def test_the_mistake_is_marked_and_the_rest_is_not(name: str) -> None:
    lines = marked_source(name).splitlines()
    assert len(lines) < MOST_LONG
    without_marks = [line[2:] for line in lines if line[:1] != "-"]
    assert without_marks == wrong_source(name).splitlines()
    assert [line[2:] for line in lines if line[:1] != ">"] == right_source(
        MISTAKES[name].file
    ).splitlines()
    assert sum(line[:1] in ("-", ">") for line in lines) <= 2 * differing_lines(name)


def test_a_mistake_of_which_the_right_lines_are_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(composing, "MISTAKES", {"gone": Mistake(LOOP, "- no such line\n")})
    with pytest.raises(ValueError, match="0 places"):
        wrong_source("gone")


def test_a_mistake_whose_lines_stand_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = Mistake(LOOP, "- self.pfds.modify(self.lfd, POLLIN)\n")
    assert "self.pfds.modify(self.lfd, POLLIN)" in right_source(LOOP)
    doubled = right_source(LOOP) + "\n        self.pfds.modify(self.lfd, POLLIN)\n"
    monkeypatch.setattr(composing, "MISTAKES", {"twice": twice})
    monkeypatch.setattr(composing, "right_source", lambda _: doubled)
    with pytest.raises(ValueError, match="2 places"):
        wrong_source("twice")


def test_the_document_s_names_are_there() -> None:
    names = {
        node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
        for file in (LOOP, CONN)
        for node in ast.walk(ast.parse(right_source(file)))
    }
    assert names >= {
        "lfd", "pfds", "conns", "len_buf", "len_bytes_read", "in_body", "body_len",
        "body_bytes_read", "out_buf", "out_bytes_sent", "CAP", "READ_LEN", "READ_BODY",
        "WRITE_BODY", "add_client", "remove_fd", "want_writable",
    }  # fmt: skip
