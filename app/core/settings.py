"""What the server can be set to, and the one place where a value is judged.

Every refusal is a `SettingError` whose text is one line: the value, what was wrong with it, and
what to do.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

N = TypeVar("N", int, float)

KIB: Final = 1024
MIB: Final = 1024**2
GIB: Final = 1024**3

CAP_RANGE: Final = (1, GIB)
"""Smallest and largest CAP, in bytes."""
MOST_WORKERS: Final = 256
POLLER_NAMES: Final = ("auto", "epoll", "epoll-et", "poll", "select", "kqueue")
WRITE_MODES: Final = ("direct", "armed")
TRACE_LEVELS: Final = ("off", "state", "io")
TIMEOUTS: Final = ("header_timeout", "body_timeout", "write_timeout", "idle_timeout")
RUNTIME_SETTINGS: Final = ("cap", "write_mode", "max_connections", *TIMEOUTS)
"""The settings that a running server takes."""

_UNITS: Final = {
    "": 1,
    "B": 1,
    "K": KIB,
    "KIB": KIB,
    "KB": 1000,
    "M": MIB,
    "MIB": MIB,
    "MB": 1000**2,
    "G": GIB,
    "GIB": GIB,
    "GB": 1000**3,
}
_SIZE = re.compile(r"\s*(\d{1,20})\s*([A-Za-z]*)\s*", re.ASCII)


class SettingError(ValueError):
    """A value that the server cannot take; the text says which, why and what to do."""


def parse_size(text: str) -> int:
    """A number of bytes from ``65536``, ``64KiB``, ``64K``, ``1MiB``, ``2MB`` (K, M, G are 1024s).

    Raises `SettingError`.
    """
    match = _SIZE.fullmatch(text)
    unit = _UNITS.get(match[2].upper()) if match else None
    if match is None or unit is None:
        raise SettingError(f"{text!r} is not a size: write bytes, or KiB, MiB, GiB, as in 64KiB")
    return int(match[1]) * unit


def parse_whole(text: str) -> int:
    """A whole number in plain ASCII digits, with a sign if need be. Raises `SettingError`."""
    return _plain(int, text, "a whole number: write it in digits, as in 64")


def parse_decimal(text: str) -> float:
    """A number as in ``10``, ``2.5``, ``1e6``, in ASCII. Raises `SettingError`."""
    return _plain(float, text, "a number: write it in digits, as in 2.5")


def _plain(kind: Callable[[str], N], text: str, what: str) -> N:
    # Python's own take the digits of every script, and underscores between them.
    try:
        if not text.isascii() or "_" in text:
            raise ValueError
        return kind(text)
    except ValueError:
        raise SettingError(f"{text!r} is not {what}") from None


def format_size(size: int) -> str:
    """Bytes with the largest unit that divides them: ``1MiB``, ``64KiB``, ``1000B``."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size and size % unit == 0:
            return f"{size // unit}{name}"
    return f"{size}B"


@dataclass(frozen=True, slots=True)
class Settings:
    """One immutable set of server settings; sizes in bytes, times in seconds, 0 s = off."""

    host: str = "127.0.0.1"
    """An address, a name, or the empty string for all interfaces, dual-stack."""
    port: int = 9000
    """0 lets the kernel choose."""
    cap: int = MIB
    poller: str = "auto"
    write_mode: str = "direct"
    max_connections: int = 10_000
    backlog: int = 4096
    """Completed connections that may wait for accept; the kernel lowers it to its somaxconn."""
    header_timeout: float = 10.0
    """From a header's first byte to its fourth."""
    body_timeout: float = 60.0
    """From a frame's first byte to its last."""
    write_timeout: float = 30.0
    """From the last byte that the peer took of a pending echo, with a floor on the rate."""
    idle_timeout: float = 0.0
    """Between frames. Off: a vanished peer is found by TCP keep-alive instead."""
    grace: float = 5.0
    """How long a stop may take."""
    trace: str = "off"
    workers: int = 0
    """Processes that serve behind the one port; 0: a thread of this process does."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            check(field.name, getattr(self, field.name))

    def replace(self, name: str, value: object) -> Settings:
        """The same settings with one runtime setting changed.

        Text is read as on the command line (``64KiB``, ``2.5``). Raises `SettingError`.
        """
        if name not in RUNTIME_SETTINGS:
            known = ", ".join(RUNTIME_SETTINGS)
            raise SettingError(f"{name!r} cannot be changed at run time; these can: {known}")
        changes: dict[str, Any] = {name: _read(name, value)}
        return dataclasses.replace(self, **changes)


def _read(name: str, value: object) -> object:
    if not isinstance(value, str) or name == "write_mode":
        return value
    if name == "cap":
        return parse_size(value)
    try:
        return parse_whole(value) if name == "max_connections" else parse_decimal(value)
    except SettingError as error:
        raise SettingError(f"{_option(name)} {error}") from None


def check(name: str, value: object) -> None:
    """Raise `SettingError` unless `value` is one that the setting `name` may have."""
    if name in _CHOICES:
        if value not in _CHOICES[name]:
            raise SettingError(
                f"{_option(name)} {value!r}: choose from {', '.join(_CHOICES[name])}"
            )
    elif name in _RANGES:
        low, high, unit = _RANGES[name]
        kind = int | float if unit.startswith(" s") else int
        is_number = isinstance(value, kind) and not isinstance(value, bool)
        if not is_number or not low <= value <= high:  # type: ignore[operator]
            raise SettingError(
                f"{_option(name)} {value} is out of range: it must be {low:,} to {high:,}{unit}"
            )


def _option(name: str) -> str:
    return "PORT" if name == "port" else "--" + name.replace("_", "-")


_CHOICES: Final = {"poller": POLLER_NAMES, "write_mode": WRITE_MODES, "trace": TRACE_LEVELS}
_RANGES: Final = {
    "port": (0, 65535, ""),
    "cap": (*CAP_RANGE, " bytes (1 GiB)"),
    "max_connections": (1, 1_000_000, ""),
    "backlog": (1, 65535, ""),
    "grace": (0, 3600, " s"),
    "workers": (0, MOST_WORKERS, " (0 = none, this process serves)"),
    **dict.fromkeys(TIMEOUTS, (0, 86_400, " s (0 = off)")),
}
