"""The filter of the table: a small language over the columns of a connection. No Textual.

    slow text             rows whose peer, state, reason or #id has it; "in quotes" for anything
    state:WRITE_BODY      a column of text: `:` looks for a part of it, = and != for the whole
    pending>64K           a column of figures; times are written as 10s, 500ms, 2m, 1h
    armed=yes             a column that is yes or no
    stuck, is:stuck       stands still for a reason to look into (`app.watch.why.is_stuck`)
    and or not ( )        side by side means `and`

A column has two names here, its key and its JSON name: ``rate`` and ``frames_per_second``. Every
mistake is a `FilterError` that says where it is and what to write instead.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias, cast

from ..core.settings import SettingError, parse_size
from .columns import COLUMNS, Column, Unit, column_named
from .row import Row
from .why import is_stuck

LONGEST: Final = 200
"""Characters that a filter may have."""
DEEPEST: Final = 20
"""Levels of parentheses and ``not`` that a filter may have."""
Predicate: TypeAlias = Callable[[Row, float], bool]
"""Tests a row at a time, in seconds on the clock of the events."""

_UNITS: Final = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_FLAGS: Final = {"yes": 1, "on": 1, "true": 1, "1": 1, "no": 0, "off": 0, "false": 0, "0": 0}
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|)", re.IGNORECASE | re.ASCII)
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_COMPARISON: Final = re.compile(
    r"([A-Za-z_]+)(?:(:)|\s*(!=|<=|>=|=|<|>)\s*)(\"[^\"]*\"?|[^\s()\"]*)"
)
_WORD: Final = re.compile(r"\"[^\"]*\"?|[^\s()\"]+")
_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class FilterError(ValueError):
    """A mistake in a filter, and the character where it is, counted from 0 (`position`)."""

    def __init__(self, text: str, position: int) -> None:
        super().__init__(text)
        self.position = position


class Filter(NamedTuple):
    """A filter, as text and as the test that rows pass or fail."""

    text: str
    passes: Predicate


def parse_filter(text: str) -> Filter:
    """Parse a filter; every row passes a blank one. Raises `FilterError`."""
    if len(text) > LONGEST:
        raise FilterError(f"a filter has {LONGEST} characters at the most", LONGEST)
    if not text.strip():
        return Filter("", lambda _row, _now: True)
    return Filter(text.strip(), _Parser(text).parse())


def _read_span(text: str) -> float:
    match = _SPAN.fullmatch(text)
    if match is None:
        raise SettingError(f"{text!r} is not a time: write 10s, 500ms, 2m or 1h")
    return float(match[1]) * _UNITS[match[2].lower()]


def _read_number(text: str) -> float:
    if _NUMBER.fullmatch(text) is None:
        raise SettingError(f"{text!r} is not a number")
    return float(text)


def _read_flag(text: str) -> float:
    value = _FLAGS.get(text.lower())
    if value is None:
        raise SettingError(f"{text!r} is neither yes nor no")
    return value


_READERS: Final[dict[Unit, Callable[[str], float]]] = {
    Unit.COUNT: _read_number,
    Unit.BYTES: parse_size,
    Unit.SECONDS: _read_span,
    Unit.FLAG: _read_flag,
}
"""Parsers of the value behind a comparison, by the column's unit. Each raises `SettingError`."""


class _Parser:
    """A recursive-descent parser: one method for each level of precedence, from `or` down."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def parse(self) -> Predicate:
        """The whole filter. Raises `FilterError`."""
        found = self._alternatives()
        if not self._is_at_end():
            raise FilterError("this ) closes nothing", self._at)
        return found

    def _alternatives(self) -> Predicate:
        found = self._conjunction()
        while self._skip_word("or"):
            found = _any_of(found, self._conjunction())
        return found

    def _conjunction(self) -> Predicate:
        found = self._term()
        while True:
            if not self._skip_word("and") and (
                self._is_at_end() or self._text[self._at] == ")" or self._is_at_word("or")
            ):
                return found
            found = _all_of(found, self._term())

    def _term(self) -> Predicate:
        start = self._skip_blanks()
        if self._is_at_end():
            raise FilterError("something is missing at the end", start)
        if self._depth >= DEEPEST:
            raise FilterError(f"nested more than {DEEPEST} deep", start)
        if self._is_at_word("and") or self._is_at_word("or"):
            raise FilterError("a condition is missing here; quote the word to look for it", start)
        self._depth += 1
        if self._skip_word("not"):
            found = _none_of(self._term())
        elif self._text[start] == "(":
            found = self._inside_parentheses(start)
        elif self._text[start] == ")":
            raise FilterError("a condition is missing before this )", start)
        else:
            found = self._condition(start)
        self._depth -= 1
        return found

    def _inside_parentheses(self, start: int) -> Predicate:
        self._at = start + 1
        found = self._alternatives()
        if self._is_at_end():
            raise FilterError("this ( is not closed", start)
        self._at += 1
        return found

    def _condition(self, start: int) -> Predicate:
        comparison = _COMPARISON.match(self._text, start)
        if comparison is not None:
            self._at = comparison.end()
            name, sign = comparison[1].lower(), comparison[2] or comparison[3]
            value = _unquoted(comparison[4], comparison.start(4))
            if (name, sign, value.lower()) == ("is", ":", "stuck"):
                return is_stuck
            column = column_named(name)
            if column is None:
                known = ", ".join(COLUMNS)
                raise FilterError(f"no column {name!r}; there are {known}", start)
            if not value:
                raise FilterError(f"{name}{sign} needs a value", comparison.start(4))
            compare = _compare_text if column.unit is Unit.TEXT else _compare_figure
            return compare(column, name, sign, value, comparison.start(4))
        word = _WORD.match(self._text, start)
        if word is None:  # every character is a blank, a parenthesis, a quote or part of a word
            raise FilterError("this cannot be read", start)
        self._at = word.end()
        if word[0].lower() == "stuck":
            return is_stuck
        looked_for = _unquoted(word[0], start)
        if not looked_for:
            raise FilterError("every connection has an empty text: write what to look for", start)
        return _anywhere(looked_for)

    def _skip_blanks(self) -> int:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1
        return self._at

    def _is_at_end(self) -> bool:
        return self._skip_blanks() >= len(self._text)

    def _is_at_word(self, word: str) -> bool:
        found = _WORD.match(self._text, self._skip_blanks())
        return found is not None and found[0].lower() == word

    def _skip_word(self, word: str) -> bool:
        if not self._is_at_word(word):
            return False
        self._at += len(word)
        return True


def _unquoted(text: str, position: int) -> str:
    if not text.startswith('"'):
        return text
    if len(text) < 2 or not text.endswith('"'):
        raise FilterError("this quote is not closed", position)
    return text[1:-1]


def _any_of(one: Predicate, other: Predicate) -> Predicate:
    return lambda row, now: one(row, now) or other(row, now)


def _all_of(one: Predicate, other: Predicate) -> Predicate:
    return lambda row, now: one(row, now) and other(row, now)


def _none_of(one: Predicate) -> Predicate:
    return lambda row, now: not one(row, now)


def _anywhere(word: str) -> Predicate:
    wanted = word.lower()
    return lambda row, _now: (
        wanted in row.peer.lower()
        or wanted in row.state.value.lower()
        or wanted in row.reason
        or wanted == f"#{row.id}"
    )


def _compare_text(column: Column, name: str, sign: str, value: str, position: int) -> Predicate:
    get, choices = cast("Callable[[Row, float], str]", column.value), column.choices
    wanted = value.lower()
    if sign not in {":", "=", "!="}:
        raise FilterError(f"{name} is text: write {name}: or {name}= or {name}!=", position)
    if choices and not any(wanted in choice.lower() for choice in choices):
        raise FilterError(f"no {name} is like {value!r}: {', '.join(choices)}", position)
    if sign == ":":
        return lambda row, now: wanted in get(row, now).lower()
    is_wanted = sign == "="
    return lambda row, now: (get(row, now).lower() == wanted) is is_wanted


def _compare_figure(column: Column, _name: str, sign: str, value: str, position: int) -> Predicate:
    get = cast("Callable[[Row, float], float]", column.value)
    try:
        wanted = _READERS[column.unit](value)
    except SettingError as error:
        raise FilterError(str(error), position) from None
    if sign in {":", "=", "!="}:
        whole, is_wanted = int(wanted), sign != "!="
        return lambda row, now: (int(get(row, now)) == whole) is is_wanted
    compare = _COMPARE[sign]
    return lambda row, now: compare(get(row, now), wanted)
