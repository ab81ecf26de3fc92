"""Completion of a filter that is being typed: names of columns, operators, values. No Textual.

The text before the cursor is completed; the text behind it stays. A value is completed from the
words that its column can have, or from what the connections have at present.
"""

from __future__ import annotations

import os.path
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from .columns import COLUMNS, Column, Unit, column_named
from .filter import SPECIAL
from .peer_order import sort_key_of
from .row import Row

Rows = Callable[[], Iterable[Row]]
"""Returns the connections from which values are taken."""

_CONDITION: Final = re.compile(r"([A-Za-z_]+)(!=|<=|>=|[:=<>])(.*)")
_TEXT_SIGNS: Final = (":", "=", "!=")
_FIGURE_SIGNS: Final = (">", "<", ">=", "<=", "=", "!=")
_FLAGS: Final = ("yes", "no")
_TAKES: Final = {
    Unit.COUNT: "a number, as in 12345 or 1.5M",
    Unit.BYTES: "a size, as in 65536 or 64K",
    Unit.SECONDS: "a time, as in 10s or 1m30s",
}


class Completion(NamedTuple):
    """The candidates for one place of a filter."""

    start: int
    """The candidates replace the text from here up to the cursor."""
    candidates: tuple[str, ...]
    """In the order in which they are offered; empty where nothing can be completed."""
    hint: str = ""
    """Says what may be typed instead; empty if the candidates say it."""


def complete(text: str, cursor: int, rows: Rows) -> Completion:
    """Return what may stand before the `cursor` of `text`, as far as it goes on from what is there.

    `rows` is called only where a value of the connections is wanted.
    """
    start = _start_of_word(text, cursor)
    begun = text[start:cursor]
    if '"' in begun:
        return Completion(start, (), "a text in quotes is not completed")
    condition = _CONDITION.fullmatch(begun)
    if condition is None:
        return _names(begun, start, is_first=not text[:start].strip())
    name, sign, value = condition.groups()
    if name.lower() in SPECIAL:
        words = tuple(SPECIAL[name.lower()]) if sign == ":" else ()
        return _values(name, value, cursor, words)
    column = column_named(name.lower())
    if column is None:
        return Completion(start, (), f"no column is called {name!r}")
    if column.key == "worker" and sign in _TEXT_SIGNS:
        numbers = sorted({row.opened.worker for row in rows()})
        return _values(name, value, cursor, map(str, numbers))
    if column.unit not in (Unit.TEXT, Unit.FLAG):
        signs = () if value else _from(sign, _FIGURE_SIGNS)
        at = cursor - len(value) - len(sign)
        return Completion(at, signs, f"{name} takes {_TAKES[column.unit]}")
    if column.unit is Unit.TEXT and sign not in _TEXT_SIGNS:
        return Completion(start, (), f"{name} is text: write {name}: or {name}= or {name}!=")
    return _values(name, value, cursor, _words_of(column, value, rows))


def common_start(candidates: Sequence[str]) -> str:
    """Return the longest text with which all candidates begin."""
    return os.path.commonprefix(candidates)  # noqa: RUF071  these are no paths


def _start_of_word(text: str, cursor: int) -> int:
    """Return where the word before the cursor begins; a blank in quotes does not end a word."""
    start, is_quoted = 0, False
    for at, character in enumerate(text[:cursor]):
        if character == '"':
            is_quoted = not is_quoted
        elif not is_quoted and (character.isspace() or character in "()"):
            start = at + 1
    return start


def _names(begun: str, start: int, is_first: bool) -> Completion:
    """Offer names with their usual operator; behind a whole name, its operators."""
    wanted = begun.lower()
    exact = column_named(wanted)
    # Behind the usual operator of a text Tab offers values: there the others are not in the way.
    signs = () if exact is None else _signs_of(exact)
    offered = [wanted + sign for sign in (signs if signs == _FIGURE_SIGNS else signs[:1])]
    names = dict.fromkeys((*COLUMNS, *(column.json_name for column in COLUMNS.values())))
    offered += [name + _signs_of(column_named(name))[0] for name in names if name != wanted]
    offered += [f"{name}:" for name in SPECIAL]
    name = wanted.removesuffix("!")
    offered += [f"{name}!="] if name != wanted and column_named(name) else []
    offered += ["stuck", "not"] if is_first else ["stuck", "not", "and", "or"]
    candidates = tuple(each for each in offered if each.startswith(wanted) and each != wanted)
    hint = "" if candidates else "no name begins so: this word is looked for in every connection"
    return Completion(start, candidates, hint)


def _signs_of(column: Column | None) -> tuple[str, ...]:
    if column is None or column.unit is Unit.TEXT:
        return _TEXT_SIGNS
    if column.unit is Unit.FLAG or column.key == "worker":
        return "=", "!="
    return _FIGURE_SIGNS


def _from(first: str, signs: Sequence[str]) -> tuple[str, ...]:
    """Return the operators behind `first`, all round."""
    at = signs.index(first) if first in signs else -1
    return (*signs[at + 1 :], *signs[: max(0, at)])


def _values(name: str, begun: str, cursor: int, words: Iterable[str]) -> Completion:
    wanted = begun.lower()
    all_words = list(dict.fromkeys(words))
    found = [word for word in all_words if word.lower().startswith(wanted)]
    found = found or [word for word in all_words if wanted in word.lower()]
    left = tuple(word for word in found if word != begun)
    if left:
        return Completion(cursor - len(begun), left)
    if found:
        return Completion(cursor, (), f"{begun} is complete")
    nothing = f"{name} takes a text: write a part of it" if not all_words else ""
    return Completion(cursor, (), nothing or f"no {name} is like {begun!r}")


def _words_of(column: Column, begun: str, rows: Rows) -> Iterable[str]:
    """Return the values that a column can have; of `why`, which are sentences, none."""
    if column.unit is Unit.FLAG:
        return _FLAGS
    if column.choices:
        return column.choices
    return _peers(begun, rows()) if column.key == "peer" else ()


def pattern_of_host(host: str) -> str:
    """Return what `peer:` must be like for the connections of one host, which is escaped text."""
    return f"{host}:*"


def _peers(begun: str, rows: Iterable[Row]) -> Iterable[str]:
    """Offer the hosts, those with the most connections first; of one host, its peers."""
    counted: Counter[str] = Counter()
    peers: list[str] = []
    for row in rows:
        counted[row.peer.rpartition(":")[0]] += 1
        peers.append(row.peer)
    hosts = sorted(counted, key=lambda host: (-counted[host], sort_key_of(f"{host}:0")))
    like = [host for host in hosts if host.startswith(begun.rstrip("*").rstrip(":"))]
    yield from map(pattern_of_host, hosts)
    if len(like) == 1:
        yield from sorted((peer for peer in peers if peer.startswith(like[0])), key=sort_key_of)
