"""Numbers in words for people: sizes, rates, spans of time, bars, sparklines.

The ``short_`` forms have a bounded width for table columns; the others are for sentences.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

_UNITS: Final = "KMGTP"
_SPARKS: Final = "▁▂▃▄▅▆▇█"


def short_size(size: float) -> str:
    """Bytes in at most 5 characters, in 1024s: ``0``, ``999``, ``1.5K``, ``64K``, ``1023M``."""
    if size < 1000:
        return f"{size:.0f}"
    for unit in _UNITS:
        size /= 1024
        if size < 9.95:
            return f"{size:.1f}".removesuffix(".0") + unit
        if size < 1023.5:
            return f"{size:.0f}{unit}"
    return f"{size:.0f}{_UNITS[-1]}"


def short_pair(done: int, whole: int) -> tuple[str, str]:
    """Two sizes to be compared, each as `short_size`, but equal only if the sizes are: ``64K``,
    ``64K`` becomes ``63.9K``, ``64K``.
    """
    texts = short_size(done), short_size(whole)
    if done == whole or texts[0] != texts[1]:
        return texts
    low, high = _rounded(min(done, whole), up=False), _rounded(max(done, whole), up=True)
    return (low, high) if done < whole else (high, low)


def _rounded(size: int, up: bool) -> str:
    """A size in at most 5 characters, rounded up or down, with as many digits as fit."""
    for power in range(1, len(_UNITS) + 1):
        tenths, whole = (
            -(-size * each // 1024**power) if up else size * each // 1024**power for each in (10, 1)
        )
        if whole < 1024:
            break
    text = f"{tenths / 10:.1f}".removesuffix(".0") if tenths < 1000 else f"{whole}"
    return f"{text}{_UNITS[power - 1]}"


def words_pair(done: int, whole: int) -> tuple[str, str]:
    """As `short_pair` for a sentence: sizes that `words_size` cannot tell apart are exact."""
    texts = words_size(done), words_size(whole)
    if done == whole or texts[0] != texts[1]:
        return texts
    return f"{done:,} B", f"{whole:,} B"


def words_size(size: float) -> str:
    """Bytes for a sentence: ``512 B``, ``312 KiB``, ``1.5 MiB``."""
    if size < 1024:
        return f"{size:.0f} B"
    size /= 1024
    unit = 0
    while size >= 1023.5 and unit < len(_UNITS) - 1:
        size /= 1024
        unit += 1
    digits = 1 if size < 99.95 else 0
    return f"{size:.{digits}f}".removesuffix(".0") + f" {_UNITS[unit]}iB"


def short_count(count: float) -> str:
    """A count in at most 7 characters: ``0``, ``12,345``, ``999,999``, ``1.25M``, ``3.1G``."""
    if count < 999_999.5:
        return f"{count:,.0f}"
    for unit in "MGTP":
        count /= 1000 if unit != "M" else 1_000_000
        if count < 999.5:
            break
    return f"{count:.{2 if count < 10 else 1}f}{unit}"


def short_rate(rate: float) -> str:
    """A rate in at most 7 characters: ``0``, ``0.33``, ``2.5``, ``1,250``."""
    if rate <= 0:
        return "0"
    if rate < 0.995:
        return f"{rate:.2f}"
    return f"{rate:.1f}" if rate < 9.95 else short_count(rate)


def short_span(seconds: float) -> str:
    """A span of time in at most 5 characters: ``0s``, ``59s``, ``2m03``, ``1h05``, ``3d04``."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}"
    return f"{whole // 86_400}d{whole % 86_400 // 3600:02}"


def words_span(seconds: float) -> str:
    """A span of time for a sentence: ``4 s``, ``2 min 3 s``, ``1 h 5 min``, ``3 d 4 h``."""
    whole = max(0, int(seconds))
    for size, name, smaller_size, smaller in (
        (86_400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller_size
            return f"{whole // size} {name}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def words_ago(seconds: float) -> str:
    """How long ago something was: ``just now``, ``4 s ago``."""
    return "just now" if seconds < 1 else f"{words_span(seconds)} ago"


def short_micros(micros: float) -> str:
    """A short time: ``85 µs``, ``1.3 ms``, ``250 ms``, ``2.1 s``."""
    for size, unit in ((1_000_000, "s"), (1_000, "ms")):
        if micros >= size * 0.9995:
            amount = micros / size
            return f"{amount:.{0 if amount >= 99.95 else 1}f} {unit}"
    return f"{micros:.0f} µs"


def narrow_micros(micros: float) -> str:
    """A time under a second in five cells: ``85µs``, ``1.3ms``, ``250ms``."""
    if micros < 999.5:
        return f"{micros:.0f}µs"
    millis = min(micros / 1000, 999)
    return f"{millis:.{0 if millis >= 9.95 else 1}f}ms"


def uptime(seconds: float) -> str:
    """A running clock: ``00:12:33``, with days in front where there are any."""
    whole = max(0, int(seconds))
    days = f"{whole // 86_400}d " if whole >= 86_400 else ""
    return f"{days}{whole % 86_400 // 3600:02}:{whole % 3600 // 60:02}:{whole % 60:02}"


def clock(t: float) -> str:
    """The local time of day of `t` (seconds since the epoch): ``14:03:59``."""
    return _second(int(t))


@lru_cache(maxsize=4)
def _second(t: int) -> str:
    """`clock`, cached for the lines of a log: it costs as much as all the rest of a line."""
    return time.strftime("%H:%M:%S", time.localtime(t))


def exact_clock(t: float) -> str:
    """As `clock`, with milliseconds: ``14:03:59.127``."""
    return f"{clock(t)}.{int(t % 1 * 1000):03}"


def stamp(t: float) -> str:
    """As `exact_clock`, with date and time zone: ``2026-11-23 14:03:59.127 CET``."""
    local = time.localtime(t)
    return f"{time.strftime('%Y-%m-%d', local)} {exact_clock(t)} {time.strftime('%Z', local)}"


def bar(done: int, whole: int, width: int) -> tuple[str, str]:
    """A bar of `width` cells in two pieces, filled and empty; never full before it is complete."""
    if whole <= 0:
        return "", "─" * width
    filled = min(width, done * width // whole)
    if filled == 0 and done > 0:
        return "╸", "─" * (width - 1)
    return "━" * filled, "─" * (width - filled)


def sparkline(values: Sequence[float], width: int) -> str:
    """The last `width` values as block characters, scaled to the largest of them."""
    shown = values[-width:] if width > 0 else []
    top = max(shown, default=0)
    if top <= 0:
        return (" " * (width - len(shown))) + _SPARKS[0] * len(shown)
    blocks = (_SPARKS[min(7, int(value / top * 7.999))] for value in shown)
    return "".join(blocks).rjust(width)
