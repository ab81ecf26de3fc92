"""Moments of a recording as people write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from ..core.printable import printable
from ..core.settings import SettingError
from ..watch.figures import stamp

HOW_TO: Final = "write +SECONDS from the start, -SECONDS from the end, HH:MM:SS or Unix seconds"
_SPAN: Final = re.compile(r"([+-])(?:(?:(\d{1,4}):)?(\d{1,6}):)?(\d{1,9}(?:\.\d{1,9})?)", re.ASCII)
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d(?:\.\d{1,6})?))?", re.ASCII)
_UNIX: Final = re.compile(r"\d{9,11}(\.\d{1,9})?", re.ASCII)


def parse_moment(text: str, start: float, end: float) -> float:
    """Unix time of ``+90``, ``+1:30``, ``-10``, ``14:03:05.5``, a date and time, or Unix seconds.

    `start` and `end` are those of the recording, in Unix seconds; a clock time is local, and the
    first one not before the start. The moment may lie outside the recording. Raises `SettingError`.
    """
    text = text.strip()
    if span := _SPAN.fullmatch(text):
        seconds = int(span[2] or 0) * 3600 + int(span[3] or 0) * 60 + float(span[4])
        return start + seconds if span[1] == "+" else end - seconds
    if _UNIX.fullmatch(text):
        return float(text)
    try:
        if clock := _CLOCK.fullmatch(text):
            return _clock_time(int(clock[1]), int(clock[2]), float(clock[3] or 0), start)
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        raise SettingError(f"{text!r} is no moment of a recording: {HOW_TO}") from None


def moment_within(text: str, start: float, end: float) -> float:
    """As `parse_moment`; raises `SettingError` also for a moment outside the recording."""
    moment = parse_moment(text, start, end)
    if not start <= moment <= end:
        raise SettingError(outside(text, start, end))
    return moment


def outside(text: str, start: float, end: float) -> str:
    """Return the words for a moment outside the recording, in one line."""
    shown = printable(text.strip(), 40)
    return f"{shown} is outside the recording, which tells of {stamp(start)} to {stamp(end)}"


def _clock_time(hours: int, minutes: int, seconds: float, start: float) -> float:
    midnight = datetime.fromtimestamp(start).replace(hour=hours, minute=minutes, second=0)
    moment = midnight.replace(microsecond=0) + timedelta(seconds=seconds)
    if moment.timestamp() < int(start):
        moment += timedelta(days=1)
    return moment.timestamp()
