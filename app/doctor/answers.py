"""Judges the bytes that came where an echo was due, for a client, which knows the body."""

from __future__ import annotations

from typing import Final

from ..core.framing import frame
from .diagnose import diagnose
from .framings import FRAMINGS, Framing

CAP: Final = 1 << 20
"""The CAP in bytes of the judgement: a longer body counts as none."""
ENOUGH: Final = 4
"""Bytes of the body that must have come back before they tell anything, unless it is shorter."""
_OF_RIGHT_FRAMES: Final = frozenset({"over_cap", "long_length", "short_length", "interleaved"})
"""Codes that say of right frames what a client says better: it knows what was sent."""


def describe_answer(data: bytes, body: bytes, ended: bool) -> str:
    """Say in words what `data` fits, the answer to the first frame, which had `body`.

    `ended` tells that the server closed behind the last byte. Empty if nothing fits, or if the
    answer may be a right echo that is cut. Pure; any thread may call it.
    """
    if frame(body).startswith(data):
        return ""
    if known := _find_body(data, body):
        return " or ".join(known)
    found = diagnose(data, 0, ended, max(CAP, len(body)))
    if found is None or found.code in _OF_RIGHT_FRAMES:
        return ""
    also = f" or {', '.join(found.also)}" if found.also else ""
    return f"what came fits {found.fits} ({found.code}{also})"


def _find_body(data: bytes, body: bytes) -> list[str]:
    """Name the ways in which the body itself has come back."""
    if not body:
        return []
    if _is_start_of(data, body) and len(data) <= len(body):
        return ["the body came back without a header"]
    fitting = {each.code: each.words for each in FRAMINGS if _is_echo(each, data, body)}
    return [f"the body came back behind {words} ({code})" for code, words in fitting.items()]


def _is_echo(framing: Framing, data: bytes, body: bytes) -> bool:
    head = framing.read(data, 0, len(body) + ENOUGH)
    if head is None or not head.size:
        return False
    end = 1 if framing.code == "netstring" else 0  # its comma
    is_all = len(data) <= head.size + head.body == head.size + len(body) + end
    return is_all and _is_start_of(data[head.size :], body)


def _is_start_of(came: bytes, body: bytes) -> bool:
    compared = min(len(came), len(body))
    return compared >= min(ENOUGH, len(body)) and came[:compared] == body[:compared]
