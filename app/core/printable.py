"""Peer-supplied bytes as text that is safe on a terminal, in a log and in JSON.

A terminal obeys control characters (C0, C1, DEL: escape sequences, OSC, cursor movement), bidi
and other format characters reorder what stands around them, and line separators forge log lines.
All of them are shown as escapes. Markup such as ``[red]`` is left as it is: whoever renders must
never interpret text as markup.
"""

from __future__ import annotations

import unicodedata

_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(data: bytes | str, limit: int = 64) -> str:
    """Escape `data` for display, at most `limit` characters or bytes of it.

    Bytes are shown as ASCII with ``\\xNN`` for the rest; text keeps what Unicode calls graphic
    and escapes everything that could steer a terminal or reorder a line.
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
