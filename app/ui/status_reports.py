"""Takes the terminal's answers to status requests out of what it sends, so that none is a key.

``CSI 5 n`` asks for the status (DSR), and ``CSI 0 n`` or ``CSI 3 n`` answers. Textual does not know
the answer and would make four keys of it.
"""

from __future__ import annotations

import re
from typing import Final

REQUEST: Final = "\x1b[5n"
"""The request, which a terminal answers once it has taken everything before it."""
HOLD: Final = 0.5
"""Seconds for which the first characters of an answer wait for the others, if one is expected."""
_REPORT: Final = re.compile("\x1b\\[[03]n")
_BEGINNINGS: Final = ("\x1b[0", "\x1b[3", "\x1b[", "\x1b")


class StatusReports:
    """Finds the answers in the terminal's input, however reads cut it. One thread calls it."""

    def __init__(self) -> None:
        self._held = ""
        self._held_at = 0.0

    def feed(self, text: str, now: float, expected: bool) -> tuple[str, int]:
        """Return the input without the answers, and the number of answers.

        The beginning of an answer at the end of `text` is kept for the next call, if an answer is
        `expected`, or if more of it is there than the key Escape alone.
        """
        text, count = _REPORT.subn("", self._held + text)
        beginning = next((each for each in _BEGINNINGS if text.endswith(each)), "")
        if beginning == "\x1b" and (count or not expected):
            beginning = ""  # the key Escape
        self._held, self._held_at = beginning, now
        return text.removesuffix(beginning), count

    def release(self, now: float) -> str:
        """Return what was kept for too long to be an answer; it counts as keys."""
        if not self._held or now - self._held_at < HOLD:
            return ""
        held, self._held = self._held, ""
        return held
