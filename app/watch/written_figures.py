"""Figures as the table writes them, read again: ``12,345``, ``1.5M``, ``2m03``, ``64K``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from ..core.settings import SettingError, parse_size
from .columns import Unit
from .figures import short_count, short_rate, short_size, short_span

_GROUPED: Final = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", re.ASCII)
_COUNT: Final = re.compile(r"(\d+(?:\.\d+)?)([KMGTP]?)", re.IGNORECASE | re.ASCII)
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)([KMGTP])(?:i?B)?", re.IGNORECASE | re.ASCII)
_THOUSANDS: Final[dict[str, int]] = {
    unit: 10 ** (3 * power) for power, unit in enumerate(("", *"KMGTP"))
}
_POWERS: Final[dict[str, int]] = {unit: 1 << (10 * power) for power, unit in enumerate("KMGTP", 1)}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|)", re.IGNORECASE | re.ASCII)
_SECONDS: Final = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_FLAGS: Final = {"yes": 1, "on": 1, "true": 1, "1": 1, "no": 0, "off": 0, "false": 0, "0": 0}


def read_span(text: str) -> float:
    """Seconds of ``10``, ``500ms``, ``1m30s``, ``2m03``, ``1h05``. Raises `SettingError`."""
    total, before = 0.0, ""
    units = list(_SECONDS)
    at = 0
    while match := _PART.match(text, at):
        unit = match[2].lower()
        if not unit:  # the table leaves the smaller unit out
            unit = units[units.index(before) + 1] if before in ("d", "h", "m") else "s"
        if before and units.index(unit) <= units.index(before):
            break
        total += float(match[1]) * _SECONDS[unit]
        before, at = unit, match.end()
        if at == len(text):
            return total
    raise SettingError(f"{text!r} is not a time: write 10s, 500ms, 1m30s or 1h")


def read_count(text: str) -> float:
    """Return the number that ``12345``, ``12,345``, ``1.5M`` mean. Raises `SettingError`."""
    match = _COUNT.fullmatch(_ungrouped(text))
    if match is None:
        raise SettingError(f"{text!r} is not a number: write 12345, 12,345 or 1.5M")
    return float(match[1]) * _THOUSANDS[match[2].upper()]


def read_bytes(text: str) -> float:
    """Bytes of ``65536``, ``65,536``, ``64K``, ``1.5MiB``, in 1024s. Raises `SettingError`."""
    if match := _SIZE.fullmatch(text):
        return float(match[1]) * _POWERS[match[2].upper()]
    return parse_size(_ungrouped(text))


def read_flag(text: str) -> float:
    """Return 1 for ``yes``, ``on``, ``true``, 0 for their opposites. Raises `SettingError`."""
    value = _FLAGS.get(text.lower())
    if value is None:
        raise SettingError(f"{text!r} is neither yes nor no")
    return value


def _ungrouped(text: str) -> str:
    return text.replace(",", "") if _GROUPED.fullmatch(text) else text


class Form(NamedTuple):
    """How the values of a unit are read, and how the table writes them."""

    read: Callable[[str], float]
    write: Callable[[float], str]


FORMS: Final = {
    Unit.COUNT: Form(read_count, short_count),
    Unit.BYTES: Form(read_bytes, short_size),
    Unit.SECONDS: Form(read_span, short_span),
    Unit.FLAG: Form(read_flag, str),
}
RATE: Final = Form(read_count, short_rate)
"""The form of the column `rate`."""
