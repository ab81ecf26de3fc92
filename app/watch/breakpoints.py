"""Breakpoints of a loop that is stepped: where it is to be held."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Final, NamedTuple

from ..core.events import ConnectionState
from ..core.printable import printable
from ..core.settings import SettingError
from .filter import Filter, FilterError, parse_filter
from .row import Row

MOST: Final = 32
"""Breakpoints at a time."""
FORMS: Final = "toggle, EAGAIN, partial, #ID, STATE>STATE, or a filter such as pending>64K"
_CALLS: Final[dict[str, frozenset[str]]] = {"toggle": frozenset({"arm", "disarm"})}
_RESULTS: Final = ("EAGAIN", "partial")
_ARROWS: Final = (
    ("READ_LEN", "READ_BODY"),
    ("READ_BODY", "WRITE_BODY"),
    ("WRITE_BODY", "READ_LEN"),
    *((each, "DRAINING") for each in ("READ_LEN", "READ_BODY", "WRITE_BODY")),
    *((each, "CLOSED") for each in ("READ_LEN", "READ_BODY", "WRITE_BODY", "DRAINING")),
)
_STATES: Final = {state.value: state for state in ConnectionState}


class Breakpoint(NamedTuple):
    """One breakpoint; the attribute that is set says where the loop is held."""

    text: str
    """As it was given."""
    calls: frozenset[str] = frozenset()
    """Before a call of these names."""
    id: int = 0
    """Before each call for this connection."""
    result: str = ""
    """After a call with this result."""
    transition: tuple[ConnectionState, ConnectionState] | None = None
    """After a wake-up in which a connection passed from one to the other."""
    filter: Filter | None = None
    """After a call since which a connection passes that it did not pass before."""


def parse_breakpoint(text: str) -> Breakpoint:
    """Read a breakpoint. Raises `SettingError`, in one line."""
    text = text.strip()
    text = {name.lower(): name for name in (*_CALLS, *_RESULTS)}.get(text.lower(), text)
    if text in _CALLS:
        return Breakpoint(text, calls=_CALLS[text])
    if text in _RESULTS:
        return Breakpoint(text, result=text)
    if text.startswith("#"):
        if not (text[1:].isascii() and text[1:].isdigit() and len(text) < 20):
            raise SettingError(f"{printable(text, 40)!r}: # and the number of a connection, as #17")
        return Breakpoint(text, id=int(text[1:]))
    before, sign, after = (part.strip() for part in text.partition(">"))
    if sign and (before in _STATES or after in _STATES):
        for name in (before, after):
            if name not in _STATES:
                known = ", ".join(_STATES)
                raise SettingError(f"{printable(name, 40)!r} is no state; there are {known}")
        if (before, after) not in _ARROWS:
            told = ", ".join(map(">".join, _ARROWS))
            raise SettingError(f"{text!r} is no arrow of the drawing; there are {told}")
        return Breakpoint(text, transition=(_STATES[before], _STATES[after]))
    if not text:
        raise SettingError(f"a breakpoint is missing: {FORMS}")
    if (
        text.isalnum() and text != "stuck"
    ):  # a word that a peer's address may have, or a typing error
        raise SettingError(f"{printable(text, 60)!r} is no breakpoint: {FORMS}")
    try:
        return Breakpoint(text, filter=parse_filter(text))
    except FilterError as error:
        raise SettingError(f"{printable(text, 60)!r} is no breakpoint ({error}): {FORMS}") from None


class Breakpoints:
    """The breakpoints in force, by number; the caller's lock guards them."""

    def __init__(self) -> None:
        self._known: dict[int, Breakpoint] = {}
        self._next = 1
        self._passing: set[tuple[int, int]] = set()  # breakpoint and connection

    def add(self, text: str) -> int:
        """Add one; return its number. Raises `SettingError`."""
        if len(self._known) >= MOST:
            raise SettingError(f"there are {MOST} breakpoints already: remove one")
        self._known[self._next] = parse_breakpoint(text)
        self._next += 1
        return self._next - 1

    def remove(self, number: int) -> None:
        """Remove one. Raises `SettingError`."""
        if self._known.pop(number, None) is None:
            raise SettingError(f"there is no breakpoint {number:,}: break list shows them")
        self._passing = {pair for pair in self._passing if pair[0] != number}

    def describe(self) -> str:
        """Return all of them in one line."""
        told = [f"{number}: {each.text}" for number, each in self._known.items()]
        return " · ".join(told) or "no breakpoints"

    def before(self, call: str, connection_id: int) -> str:
        """Return why the loop is to be held before a call; empty if it is not."""
        for number, each in self._known.items():
            if call in each.calls or (each.id and each.id == connection_id):
                return f"breakpoint {number}, {each.text}"
        return ""

    def after(
        self,
        result: str,
        states: tuple[ConnectionState, ...],
        row: Callable[[], Row | None],
        t: float,
    ) -> str:
        """Return why the loop is to be held after a call or a wake-up; empty if it is not.

        `row` makes the connection's row as it is now, and is called if a filter needs it.
        """
        why, transitions = "", set(pairwise(states))
        for number, each in self._known.items():
            is_met = bool(result) and each.result == result
            is_met |= each.transition in transitions
            if each.filter is not None and (known := row()) is not None:
                is_met |= self._begins(number, known, each.filter.passes(known, t))
            if is_met and not why:
                why = f"breakpoint {number}, {each.text}"
        return why

    def _begins(self, number: int, row: Row, passes: bool) -> bool:
        pair = number, row.id
        has_begun = passes and pair not in self._passing
        (self._passing.add if passes else self._passing.discard)(pair)
        return has_begun
