"""Moments of a recording as people write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from ..core.printable import printable
from ..core.settings import SettingError
from ..watch.figures import stamp, words_span
from .wall_times import WallTimes

HOW_TO: Final = "write +SECONDS from the start, -SECONDS from the end, HH:MM:SS or Unix seconds"
_SPAN: Final = re.compile(r"([+-])(?:(?:(\d{1,4}):)?(\d{1,6}):)?(\d{1,9}(?:\.\d{1,9})?)", re.ASCII)
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d(?:\.\d{1,6})?))?", re.ASCII)
_UNIX: Final = re.compile(r"\d{9,11}(\.\d{1,9})?", re.ASCII)


def parse_moment(text: str, start: float, end: float, clock: WallTimes | None = None) -> float:
    """The time of ``+90``, ``+1:30``, ``-10``, ``14:03:05.5``, a date and time, or Unix seconds.

    `start` and `end` are those of the recording, in Unix seconds; a clock time is local, and the
    first one not before the start. The moment may lie outside the recording. With a `clock` a
    time of the wall clock is the first moment at which it showed that. Raises `SettingError`.
    """
    text = text.strip()
    clock = clock or WallTimes(start, end, ())
    if span := _SPAN.fullmatch(text):
        seconds = int(span[2] or 0) * 3600 + int(span[3] or 0) * 60 + float(span[4])
        return start + seconds if span[1] == "+" else end - seconds
    if _UNIX.fullmatch(text):
        return clock.moment_of(float(text))
    try:
        if shown := _CLOCK.fullmatch(text):
            time = int(shown[1]), int(shown[2]), float(shown[3] or 0)
            starts = [span.start - span.behind for span in clock.spans]
            moments = [clock.moment_of(_clock_time(*time, since)) for since in starts]
            return next((each for each in moments if start <= each <= end), moments[0])
        return clock.moment_of(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        raise SettingError(f"{text!r} is no moment of a recording: {HOW_TO}") from None


def moment_within(text: str, start: float, end: float, clock: WallTimes | None = None) -> float:
    """As `parse_moment`; raises `SettingError` also for a moment outside the recording."""
    moment = parse_moment(text, start, end, clock)
    if not start <= moment <= end:
        raise SettingError(outside(text, start, end, clock))
    return moment


def outside(text: str, start: float, end: float, clock: WallTimes | None = None) -> str:
    """Return the words for a moment outside the recording, in one line."""
    shown = printable(text.strip(), 40)
    return f"{shown} is outside the recording, which tells of {reach(start, end, clock)}"


def reach(start: float, end: float, clock: WallTimes | None = None) -> str:
    """Say from when to when a recording tells, and whether the clock was set back between."""
    behind = 0.0 if clock is None else clock.behind_at(end)
    back = f" (the clock was set back by {words_span(behind)})" if behind else ""
    return f"{stamp(start)} to {stamp(end - behind)}{back}"


def _clock_time(hours: int, minutes: int, seconds: float, start: float) -> float:
    midnight = datetime.fromtimestamp(start).replace(hour=hours, minute=minutes, second=0)
    moment = midnight.replace(microsecond=0) + timedelta(seconds=seconds)
    if moment.timestamp() < int(start):
        moment += timedelta(days=1)
    return moment.timestamp()
