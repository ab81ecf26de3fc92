"""The filter of the table: a small language over the columns of a connection. No Textual.

    slow text             rows whose peer, state, reason or #id has it; "in quotes" for anything
    state:WRITE_BODY      a column of text: `:` looks for a part of it, = and != for the whole
    reason="" reason!=""  has no reason, has one
    peer:127.*            `*` stands for any characters of the whole text, `?` for one
    peer=127.0.0.1        the host, or with its port one connection
    pending>64K           a column of figures, as the table writes them: 12,345, 1.5M, 1m30s, 2m03
    armed=yes             a column that is yes or no
    stuck, is:stuck       stands still for a reason to look into (`app.watch.why.is_stuck`)
    note:nagle, is:noted  has this note about its peer, has any (`app.watch.notes`)
    and or not ( )        side by side means `and`

A column has two names here, its key and its JSON name: ``rate`` and ``frames_per_second``. Every
mistake is a `FilterError` that says where it is and what to write instead.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias, cast

from ..core.settings import SettingError
from .columns import COLUMNS, OF_CLOSED, Column, Unit, column_named
from .notes import words_of
from .row import Row
from .why import is_stuck
from .written_figures import FORMS, RATE

LONGEST: Final = 200
"""Characters that a filter may have."""
DEEPEST: Final = 20
"""Levels of parentheses and ``not`` that a filter may have."""
Predicate: TypeAlias = Callable[[Row, float], bool]
"""Tests a row at a time, in seconds on the clock of the events."""


def is_noted(row: Row, now: float) -> bool:
    """Whether there is any note about the connection's peer."""
    return bool(words_of(row, now))


SPECIAL: Final[dict[str, dict[str, Predicate]]] = {"is": {"stuck": is_stuck, "noted": is_noted}}
"""Names that are no columns, the words that may stand behind them and a colon, and their tests."""

_COMPARISON: Final = re.compile(
    r"([A-Za-z_]+)(?:(:)|\s*(!=|<=|>=|=|<|>)\s*)(\"[^\"]*\"?|[^\s()\"]*)"
)
_OF_CLOSED: Final = {key: each for key, each in OF_CLOSED.items() if each.unit is Unit.TEXT}
"""Columns that only closed connections have, and that can be filtered by."""
_WILD: Final = {"*": ".*", "?": "."}
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
            if name in SPECIAL:
                if sign == ":" and value.lower() in SPECIAL[name]:
                    return SPECIAL[name][value.lower()]
                words = " or ".join(f"{name}:{word}" for word in SPECIAL[name])
                raise FilterError(f"write {words}", start)
            column = column_named(name) or _OF_CLOSED.get(name)
            if column is None:
                known = ", ".join(COLUMNS)
                raise FilterError(f"no column {name!r}; there are {known}", start)
            is_empty_text = comparison[4] == '""' and column.unit is Unit.TEXT and sign != ":"
            if not value and not is_empty_text:
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
    if sign not in {":", "=", "!="}:
        raise FilterError(f"{name} is text: write {name}: or {name}= or {name}!=", position)
    wanted = value.lower()
    if wanted and not wanted.strip("*?"):
        raise FilterError(f"{value!r} stands for anything: write a part of the text too", position)
    matches: Callable[[str], object]
    if "*" in wanted or "?" in wanted:
        # A pattern is of the whole text. Brackets mean themselves: IPv6 addresses have them.
        parts = (_WILD.get(part) or re.escape(part) for part in re.split(r"([*?])", wanted))
        matches = re.compile("".join(parts), re.DOTALL).fullmatch
    elif sign == ":":
        matches = lambda text: wanted in text  # noqa: E731
    else:
        matches = wanted.__eq__
    if (
        wanted
        and choices
        and not any(matches(choice.lower()) or wanted in choice.lower() for choice in choices)
    ):
        raise FilterError(f"no {name} is like {value!r}: {', '.join(choices)}", position)
    is_wanted = sign != "!="
    if column.key == "peer" and sign != ":":
        return lambda row, _now: any(map(matches, _peer_and_host(row))) is is_wanted
    if column.key == "notes" and (wanted or sign == ":"):
        return lambda row, now: any(map(matches, words_of(row, now))) is is_wanted
    return lambda row, now: bool(matches(get(row, now).lower())) is is_wanted


def _peer_and_host(row: Row) -> tuple[str, ...]:
    """Return what a peer is equal to: its address, and without the port its host."""
    peer = row.peer.lower()
    host = peer.rpartition(":")[0]
    return peer, host, host.strip("[]")


def _compare_figure(column: Column, _name: str, sign: str, value: str, position: int) -> Predicate:
    get = cast("Callable[[Row, float], float]", column.value)
    is_rate = column.key == "rate"
    form = RATE if is_rate else FORMS[column.unit]
    try:
        wanted = form.read(value)
    except SettingError as error:
        raise FilterError(str(error), position) from None
    if sign in {":", "=", "!="}:
        is_wanted, write = sign != "!=", form.write
        text = write(wanted)
        # As it stands in the table. A rate is measured: no other figure of it is exact.
        written = text if is_rate or text.lower() == value.lower() else None

        def is_equal(row: Row, now: float) -> bool:
            figure = get(row, now)
            is_whole = not is_rate and int(figure) == wanted
            return (is_whole or write(figure) == written) is is_wanted

        return is_equal
    compare = _COMPARE[sign]
    return lambda row, now: compare(get(row, now), wanted)
