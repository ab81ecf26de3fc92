"""A diagnosis in lines that wrap: the facts first, then the name, then the words."""

from __future__ import annotations

import re
from typing import Final

from ..core.diagnosis import Diagnosis
from ..core.framing import HEADER_SIZE
from ..watch.row import Row
from . import palette
from .lines_panel import Line, flow

_SAME: Final = {("extra_bytes", "short_length"), ("short_length", "extra_bytes")}
"""Codes that are two names of one fault."""
LABEL: Final = 9
"""Width of a label, in cells."""
_REFUSED: Final = re.compile(r"header announces ([\d,]+) bytes, CAP is ([\d,]+)[;,]? ?(?:then: )?")
"""Length and CAP in the detail of a refused header; the CAP in force may be another one by now."""


_TOLD: Final = re.compile(
    r"At offset [\d,]+ the header [0-9a-f ]+ announces [\d,]+ bytes"
    r"(, over the CAP of [\d,]+|; [\d,]+ have come)?"
    r"(; the first wrong byte is at offset [\d,]+: [0-9a-f ]+)?\.( |$)"
)
"""The facts at the start of a diagnosis's words."""
_FITS: Final = re.compile(r"All ([\d,]+ bytes) from offset [\d,]+ on fit .+?: ([\d,]+ frames?)\. ?")
"""What fits, which stands in a line of its own, and how much of it there is."""


def labelled_line(text: str) -> Line:
    """Begin a line with a label."""
    return [(text.ljust(LABEL), palette.LABEL)]


def detail_beside(detail: str) -> str:
    """Return the detail of a close without the facts that `diagnosis_lines` tells of it."""
    told = _REFUSED.match(detail)
    return detail if told is None else detail[told.end() :]


def _announced(found: Diagnosis) -> str:
    header = bytes.fromhex(found.header)
    return f"{int.from_bytes(header, 'big'):,}" if len(header) == HEADER_SIZE else ""


def diagnosis_lines(row: Row, found: Diagnosis, cap: int | None, width: int) -> list[Line]:
    """Draw a diagnosis of a connection in lines of at most `width` cells; nothing of it is cut.

    `cap` is the CAP in force, in bytes.
    """
    facts = labelled_line("facts")
    for number, (name, value) in enumerate(_facts(row, found, cap)):
        gap = " · " if number else ""
        facts += [(gap, palette.FAINT), (f"{name} ", palette.DIM), (value, palette.STRONG)]
    named = [*labelled_line("fits"), (f"{found.fits or found.code} ", palette.WARNING)]
    named.append((f"({found.code})", palette.WARNING))
    if found.also:
        joint = "in other words" if (found.code, *found.also) in _SAME else "or as well"
        named.append((f", {joint} {', '.join(found.also)}", palette.WARNING))
    text = _TOLD.sub("", found.text)
    if much := _FITS.search(text):
        named.append((f": {much[2]}, all {much[1]}", palette.WARNING))
        text = _FITS.sub("", text)
    words = [*labelled_line("in words"), (text, palette.PLAIN)] if text else []
    return [part for line in (facts, named, words) if line for part in flow(line, width, LABEL)]


def _facts(row: Row, found: Diagnosis, cap: int | None) -> list[tuple[str, str]]:
    header = bytes.fromhex(found.header)
    facts = []
    refused = _REFUSED.match("" if row.closed is None else row.closed.detail)
    announced = _announced(found) if refused is None else refused[1]
    if announced:
        facts.append(("announced", f"{announced} bytes"))
    if refused is not None:
        facts.append(("CAP", refused[2]))
    elif cap is not None:
        facts.append(("CAP", f"{cap:,}"))
    if announced != _announced(found):  # the refused header stands behind the first wrong byte
        facts.append(("wrong from offset", f"{found.offset:,}"))
        return [*facts, ("on:", header.hex(" "))]
    facts.append(("offset", f"{found.offset:,}"))
    if header:
        short = "" if len(header) == HEADER_SIZE else f", {len(header)} of {HEADER_SIZE} bytes"
        facts.append(("header", f"{header.hex(' ')}{short}"))
    return facts
