"""The SPEC of a fault on purpose: what a connection is to meet instead of its whole echo.

A SPEC is words with commas, as in ``slice=1..3,gap=0.05,seed=7``. A byte's number counts the bytes
of echo of one connection from 0, headers included.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

import msgspec

from .printable import printable
from .settings import SettingError, parse_size

MOST_SECONDS: Final = 3600.0
"""Seconds of a `gap` or a `delay` at the most."""
MOST_COALESCED: Final = 10_000
"""Frames that `coalesce` holds at the most; what is held is bounded in bytes besides."""
MOST_SEED: Final = (1 << 63) - 1
_MOST_DIGITS: Final = 20
_MOST_AT: Final = 1 << 50
_MOST_PIECE: Final = 1 << 30
_MOST_ADDED: Final = (1 << 32) - 1


class FaultSpec(msgspec.Struct, frozen=True):
    """A SPEC that was read; an attribute that is None, 0 or False asks for nothing."""

    text: str
    """The SPEC as it was given."""
    slice: tuple[int, int] | None = None
    """Least and most bytes of each piece of an echo."""
    cuts: tuple[int, ...] = ()
    """Bytes of the first pieces of each echo, the rest being one more. No word asks for this, nor
    for the next six: the cases of `check client` do."""
    every: int = 1
    """One of so many frames is cut, or late: the first, and then every so many."""
    after: int = 0
    """Frames that are echoed before `coalesce` holds any."""
    has_whole_headers: bool = False
    """Whether `rate` begins an echo with a whole header, and cuts it only behind that."""
    is_of_first: bool = False
    """Whether `coalesce` holds only the first frames of a connection."""
    most_aside: int = 0
    """Bytes that `coalesce` may hold; 0 is what a connection may hold anyway."""
    keep: int = 0
    """Bytes of echo that are kept as they were let out, for `KeptBytes.echo`."""
    gap: float = 0.0
    """Seconds between two pieces."""
    delay: float = 0.0
    """Seconds before each echo."""
    rate: int = 0
    """Bytes of echo a second."""
    coalesce: int = 0
    """Frames that must be complete before their echoes are sent together."""
    stall: int | None = None
    """The bytes of echo after which no more follows."""
    reset: int | None = None
    """The bytes of echo that the peer acknowledges before it gets an RST."""
    eof: int | None = None
    """The bytes of echo after which it gets a FIN."""
    corrupt: int | None = None
    """The byte of which one bit is flipped."""
    length: int = 0
    """A number that is added to the length in each header."""
    swap: bool = False
    """Two echoes that are ready together change places."""
    noread: bool = False
    """Nothing is read any more."""
    seed: int | None = None
    """The seed of the sizes of pieces and of the flipped bit; None: any."""


class _Word(NamedTuple):
    form: str
    """The way to write it, for a message."""
    meaning: str
    pattern: re.Pattern[str]
    read: Callable[[re.Match[str]], Any]


def _number(text: str, word: str, least: int, most: int) -> int:
    if not (text.isascii() and text.removeprefix("-").isdigit()):
        raise SettingError(f"{word}: {_shown(text)} is not a whole number: write it in digits")
    if len(text) > _MOST_DIGITS:  # int() itself refuses some thousand
        raise SettingError(f"{word}: {_shown(text)} is not from {least:,} to {most:,}")
    number = int(text)
    if not least <= number <= most:
        raise SettingError(f"{word}: {number:,} is not from {least:,} to {most:,}")
    return number


def _seconds(text: str, word: str) -> float:
    try:
        seconds = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= MOST_SECONDS:
        raise SettingError(
            f"{word}: {_shown(text)} is no number of seconds above 0 and up to {MOST_SECONDS:g}"
        )
    return seconds


def _pieces(match: re.Match[str]) -> tuple[int, int]:
    least, _, most = match[2].partition("..")
    first = _number(least, "slice", 1, _MOST_PIECE)
    last = _number(most, "slice", 1, _MOST_PIECE) if ".." in match[2] else first
    if last < first:
        raise SettingError(f"slice={match[2]}: {last:,} is less than {first:,}: turn them round")
    return first, last


def _rate(match: re.Match[str]) -> int:
    rate = parse_size(match[2])
    if not rate:
        raise SettingError("rate=0: nothing would ever be sent: use stall@0")
    return rate


def _added(match: re.Match[str]) -> int:
    added = _number(match[2], "length" + match[1], 1, _MOST_ADDED)
    return -added if match[1] == "-" else added


def _is(name: str, sign: str) -> re.Pattern[str]:
    return re.compile(rf"{name}({sign})(.*)", re.DOTALL)


def _at(name: str, meaning: str) -> _Word:
    return _Word(
        f"{name}@N", meaning, _is(name, "@"), lambda match: _number(match[2], name, 0, _MOST_AT)
    )


def _span(name: str, meaning: str) -> _Word:
    return _Word(f"{name}=S", meaning, _is(name, "="), lambda match: _seconds(match[2], name))


def _flag(name: str, meaning: str) -> _Word:
    return _Word(name, meaning, re.compile(f"{name}()()"), lambda _match: True)


WORDS: Final[dict[str, _Word]] = {
    "slice": _Word(
        "slice=N or slice=N..M",
        "the echo in pieces of so many bytes, each in a segment of its own",
        _is("slice", "="),
        _pieces,
    ),
    "gap": _span("gap", "seconds between two pieces"),
    "delay": _span("delay", "seconds before each echo"),
    "rate": _Word("rate=SIZE", "bytes of echo a second", _is("rate", "="), _rate),
    "coalesce": _Word(
        "coalesce=N",
        "echoes wait until N frames are complete, then they are sent together",
        _is("coalesce", "="),
        lambda match: _number(match[2], "coalesce", 2, MOST_COALESCED),
    ),
    "stall": _at("stall", "nothing more after N bytes of echo"),
    "reset": _at("reset", "an RST once N bytes of echo are acknowledged"),
    "eof": _at("eof", "a FIN after N bytes of echo"),
    "corrupt": _at("corrupt", "one bit of byte N is flipped"),
    "length": _Word(
        "length+K or length-K",
        "K added to the length in each header",
        _is("length", "[+-]"),
        _added,
    ),
    "swap": _flag("swap", "two echoes that are ready together change places"),
    "noread": _flag("noread", "nothing is read any more"),
    "seed": _Word(
        "seed=K",
        "the same seed, the same pieces and the same bit",
        _is("seed", "="),
        lambda match: _number(match[2], "seed", 0, MOST_SEED),
    ),
}
"""The words of a SPEC by name."""

_ENDS: Final = ("stall", "reset", "eof")
_EXCLUDE: Final = (
    *((one, other) for number, one in enumerate(_ENDS) for other in _ENDS[number + 1 :]),
    *(("noread", other) for other in WORDS if other not in ("noread", "seed")),
)
"""Words of which a SPEC may have one alone."""


def parse_fault(text: str) -> FaultSpec:
    """Read a SPEC. Raises `SettingError`, in one line, for what is no word, or what cannot be."""
    found: dict[str, Any] = {}
    for word in text.split(","):
        name = _name_of(word.strip())
        if name in found:
            raise SettingError(f"{_shown(text)}: {name} is given twice: leave one out")
        match = WORDS[name].pattern.fullmatch(word.strip())
        if match is None:
            raise SettingError(f"{_shown(word)}: write {WORDS[name].form}")
        try:
            found[name] = WORDS[name].read(match)
        except SettingError as error:
            raise SettingError(f"{_shown(word.strip())}: {error}") from None
    if not found.keys() - {"seed"}:
        raise SettingError(f"{_shown(text)}: a seed alone does nothing: add a word")
    for one, other in _EXCLUDE:
        if one in found and other in found:
            raise SettingError(f"{_shown(text)}: {one} excludes {other}: leave one out")
    ends = [(word, found[word]) for word in _ENDS if word in found]
    if ends and "corrupt" in found and found["corrupt"] >= ends[0][1]:
        word, at = ends[0]
        raise SettingError(
            f"{_shown(text)}: {word}@{at} lets {at} bytes out, and byte {found['corrupt']} is not"
            " among them"
        )
    if "gap" in found and "slice" not in found:
        raise SettingError(f"{_shown(text)}: gap is between pieces: add slice=N")
    return FaultSpec(text.strip(), **found)


def meanings(text: str) -> list[tuple[str, str]]:
    """Return each word of a SPEC that was read, and what it does, with its numbers."""
    told = []
    for word in text.split(","):
        word = word.strip()
        name = _name_of(word)
        match = WORDS[name].pattern.fullmatch(word)
        given = "".join(match.groups()) if match is not None else ""
        value = given.lstrip("=@")
        told.append(
            (
                word,
                re.sub(r"\b[NK]\b", value, WORDS[name].meaning) if value else WORDS[name].meaning,
            )
        )
    return told


def _name_of(word: str) -> str:
    name = re.split("[=@+-]", word, maxsplit=1)[0]
    if name in WORDS:
        return name
    if not word:
        raise SettingError("'' is no word of a fault: write words with commas, as in slice=1,gap=1")
    near = get_close_matches(name, WORDS, 1)
    hint = f"is it {WORDS[near[0]].form}?" if near else f"one of {', '.join(WORDS)}"
    raise SettingError(f"{_shown(word)} is no word of a fault: {hint}")


def _shown(text: str) -> str:
    return repr(printable(text, 60))
