"""Takes the terminal's answers to requests out of what it sends, so that none is a key.

``CSI 5 n`` asks for the status (DSR), and ``CSI 0 n`` or ``CSI 3 n`` answers. Textual does not know
the answer and would make four keys of it. ``CSI 6 n`` asks where the cursor is (CPR): behind a
character in the upper left corner that tells how wide the terminal draws it. Some terminals draw
those that Unicode calls ambiguous, such as ``●``, two cells wide, and our columns would break.
"""

from __future__ import annotations

import re
from typing import Final

REQUEST: Final = "\x1b[5n"
"""The request, which a terminal answers once it has taken everything before it."""
HOLD: Final = 0.5
"""Seconds for which the first characters of an answer wait for the others, if one is expected."""
_REPORT: Final = re.compile("\x1b\\[[03]n")
_BEGINNING: Final = re.compile("\x1b(\\[[03]?)?$")
WIDTH_REQUEST: Final = "\x1b[H●\x1b[6n\x1b[H\x1b[K"
"""Draws an ambiguous character, asks for the cursor's place, and takes the character away."""
_POSITION: Final = re.compile("\x1b\\[1;([0-9]{1,2})R")
_BEGINNING_OF_POSITION: Final = re.compile("\x1b(\\[([03]|1(;[0-9]{0,2})?)?)?$")


class StatusReports:
    """Finds the answers in the terminal's input, however reads cut it. One thread calls it."""

    def __init__(self) -> None:
        self._held = ""
        self._held_at = 0.0
        self.awaits_width_until = float("-inf")
        """The time up to which `WIDTH_REQUEST` may be answered. Else the same text is a key: F3
        with shift or alt."""
        self.width = 0
        """Cells of an ambiguous character; 0 as long as there is no answer."""

    def feed(self, text: str, now: float, expected: bool) -> tuple[str, int]:
        """Return the input without the answers, and the number of answers to status requests.

        The beginning of an answer at the end of `text` is kept for the next call, if an answer is
        `expected`, or if more of it is there than the key Escape alone.
        """
        text = self._held + text
        awaits_width = not self.width and now <= self.awaits_width_until
        if awaits_width and (found := _POSITION.search(text)):
            awaits_width, self.width = False, int(found[1]) - 1
            text = text[: found.start()] + text[found.end() :]
        text, count = _REPORT.subn("", text)
        begins = _BEGINNING_OF_POSITION if awaits_width else _BEGINNING
        at_end = begins.search(text)
        beginning = "" if at_end is None else at_end[0]
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
