"""What is read from a file is judged before anybody sees it: text is escaped, figures are possible.

A recording may come from anybody. Its checksums say that it is what was written, not by whom.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from math import isfinite
from operator import attrgetter
from typing import Any, Final, TypeVar, get_args, get_type_hints

import msgspec

from ..core.events import Event, SettingChanged
from ..core.printable import printable
from ..core.settings import RULES
from ..core.statistics import EventStruct, LoopStats
from .histograms import are_counts

LATEST: Final = 253_402_300_799.0
"""The end of the year 9999, in Unix seconds: no date can be later."""
LONGEST_TEXT: Final = 100_000
"""Characters of one text that are shown."""
_MAY_BE_NEGATIVE: Final = frozenset({"fd", "result", "request"})
"""An error is a result of -1, and a poll is for no descriptor."""
_OF_SEVERAL_LINES: Final = frozenset({"traceback"})
"""Texts whose line breaks stay; in every other one a line break is escaped."""

E = TypeVar("E", bound=EventStruct)
B = TypeVar("B", bound=msgspec.Struct)


class ImpossibleError(ValueError):
    """A value that no server can have told; the text says which."""


def is_time(t: float) -> bool:
    """Whether this is a time in Unix seconds that a clock and a calendar can show."""
    return 0.0 <= t <= LATEST


def sane_body(body: B) -> B:
    """Return the body of a record with all its events judged by `sane`, and its texts escaped.

    Raises `ImpossibleError`.
    """
    changes: dict[str, Any] = {}
    for name in body.__struct_fields__:
        value = getattr(body, name)
        if type(value) in _KINDS:
            judged: Any = sane(value)
        elif isinstance(value, tuple) and value and type(value[0]) in _KINDS:
            judged = tuple(map(sane, value))
        elif type(value) is int and value < 0:
            raise ImpossibleError(f"a record has {name} {value}")
        else:
            judged = _judged(value, "a record")
            if name == "settings":
                for setting, each in judged.items():
                    _check_setting(SettingChanged(t=0.0, name=setting, old=each, new=each))
        if judged is not value:
            changes[name] = judged
    return msgspec.structs.replace(body, **changes) if changes else body


def sane(event: E) -> E:
    """Return an event with its texts escaped. Raises `ImpossibleError` for impossible values.

    The escapes that the server itself has made stay as they are.
    """
    kind = _KINDS[type(event)]
    if kind.floats is not None:
        floats = kind.floats(event)
        # A sum is finite only if all are.
        if not isfinite(sum(floats)) or min(floats) < -LATEST or max(floats) > LATEST:
            raise ImpossibleError(f"{kind.tag} has a time or a figure that is impossible")
    if min(kind.times(event)) < 0:
        raise ImpossibleError(f"{kind.tag} has a time before 1970")
    if kind.whole is not None:
        whole = kind.whole(event)
        if min(whole) < 0 or max(whole) >= 2**63:
            raise ImpossibleError(f"{kind.tag} has a figure that is impossible")
    changes: dict[str, Any] = {}
    for name in kind.others:
        value = getattr(event, name)
        judged = _sane_lines(value) if name in _OF_SEVERAL_LINES else _judged(value, kind.tag)
        if judged is not value:
            changes[name] = judged
    if isinstance(event, LoopStats) and not are_counts(event):
        raise ImpossibleError(f"{kind.tag} has a histogram that is impossible")
    if isinstance(event, SettingChanged):
        _check_setting(event)
    return msgspec.structs.replace(event, **changes) if changes else event


def _sane_lines(text: str) -> str:
    """Return a text of several lines, each escaped."""
    return "\n".join(printable(line, LONGEST_TEXT) for line in text[:LONGEST_TEXT].split("\n"))


def _judged(value: Any, tag: str) -> Any:
    """Return a value with its texts escaped, the same object if there is nothing to escape."""
    if value is None or isinstance(value, bool | bytes | Enum):
        return value
    if isinstance(value, str):
        is_sane = value.isprintable() and len(value) <= LONGEST_TEXT
        return value if is_sane else printable(value, LONGEST_TEXT)
    if isinstance(value, int | float):
        if not (isfinite(value) and abs(value) < 2**63):
            raise ImpossibleError(f"{tag} has a figure that is impossible")
        return value
    if isinstance(value, dict):
        return {_judged(key, tag): _judged(each, tag) for key, each in value.items()}
    if isinstance(value, msgspec.Struct):
        old = [getattr(value, name) for name in value.__struct_fields__]
        named = zip(value.__struct_fields__, old, strict=True)
        counts = [each for name, each in named if name not in _MAY_BE_NEGATIVE]
        if any(type(each) is int and each < 0 for each in counts):
            raise ImpossibleError(f"{tag} has a figure that is impossible")
        new = [_judged(each, tag) for each in old]
        is_same = all(one is other for one, other in zip(old, new, strict=True))
        return value if is_same else type(value)(*new)
    new_items = tuple(_judged(each, tag) for each in value)
    is_same = all(one is other for one, other in zip(value, new_items, strict=True))
    return value if is_same else new_items


def _check_setting(event: SettingChanged) -> None:
    """A changed setting is shown in its own unit, so that its value must be one of its kind."""
    rule = RULES.get(event.name)
    for value in (event.old, event.new):
        is_text = isinstance(value, str)
        if not isinstance(value, str) and not (isfinite(value) and abs(value) < 2**63):
            raise ImpossibleError(f"setting_changed has {value!r}")
        if rule is not None and is_text != bool(rule.choices):
            raise ImpossibleError(f"setting_changed has a value that {event.name} cannot have")


class _Kind:
    """The fields of one kind of events, by what is judged of them."""

    def __init__(self, kind: type) -> None:
        self.tag: str = kind.__struct_config__.tag  # type: ignore[attr-defined]
        hints = get_type_hints(kind)
        self.times = _getter(
            name for name in hints if name == "t" or (name.endswith("_at") and hints[name] is float)
        )
        self.floats = _getter(name for name, hint in hints.items() if hint is float)
        self.whole = _getter(
            name for name, hint in hints.items() if hint is int and name not in _MAY_BE_NEGATIVE
        )
        figures = {int, float, bool, bytes}
        self.others = tuple(
            name
            for name, hint in hints.items()
            if name in kind.__struct_fields__  # type: ignore[attr-defined]
            and hint not in figures
            and not (isinstance(hint, type) and issubclass(hint, Enum))
            and name not in ("service_us", "iteration_us", "bodies")
        )


def _getter(names: Iterable[str]) -> Any:
    """Return a function that reads these fields as a tuple; None if there are none."""
    known = list(names)
    if not known:
        return None
    # With one name an attrgetter gives no tuple.
    return attrgetter(*known) if len(known) > 1 else attrgetter(known[0], known[0])


_KINDS: Final = {kind: _Kind(kind) for kind in get_args(Event)}
