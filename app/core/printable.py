"""Peer-supplied bytes as text that is safe on a terminal, in a log and in JSON.

A terminal obeys control characters (C0, C1, DEL: escape sequences, OSC, cursor movement), bidi
and other format characters reorder what stands around them, and line separators forge log lines.
All of them become escapes. Markup such as ``[red]`` is left as it is: a renderer must never
interpret text as markup.
"""

from __future__ import annotations

import traceback
import unicodedata
from typing import Final

LONGEST_TRACE: Final = 8000
"""Characters of a traceback in the log."""
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(data: bytes | str, limit: int = 64) -> str:
    """Escape `data` for display, at most `limit` characters or bytes of it.

    Bytes become ASCII, with ``\\xNN`` for the rest. Text keeps Unicode's graphic characters;
    characters that could steer a terminal or reorder a line are escaped.
    """
    text = data[:limit]
    if isinstance(text, bytes):
        text = text.decode("latin-1")
        shown = "".join(char if " " <= char <= "~" else f"\\x{ord(char):02x}" for char in text)
    else:
        shown = "".join(
            char.encode("unicode_escape").decode("ascii")
            if unicodedata.category(char) in _UNSAFE_CATEGORIES
            else char
            for char in text
        )
    return shown + "…" if len(data) > limit else shown


def reason_of(error: OSError) -> str:
    """Return what the system says of `error`, not escaped.

    Python's own errors of this type have no number, only a text, and some have neither.
    """
    unnamed = "timed out" if isinstance(error, TimeoutError) else type(error).__name__
    return error.strerror or str(error) or unnamed


def in_words(error: BaseException) -> str:
    """Return the type of `error` and what it says, not escaped."""
    return f"{type(error).__name__}: {error}".rstrip(": ")


def one_line_traceback(error: BaseException) -> str:
    """Return the traceback of `error` as one escaped line, for the log at level ``debug``."""
    lines = "".join(traceback.format_exception(error)).splitlines()
    text = " | ".join(line.strip() for line in lines)
    return printable(text[-LONGEST_TRACE:], LONGEST_TRACE)  # the end says the most
