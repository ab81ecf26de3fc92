"""A diagnosis in lines that wrap: the facts first, then the name, then the words."""

from __future__ import annotations

import re
from typing import Final

from ..core.diagnosis import Diagnosis
from ..core.framing import HEADER_SIZE
from ..watch.row import Row
from . import palette
from .lines_panel import Line, flow

LABEL: Final = 9
"""Width of a label, in cells."""
_REFUSED: Final = re.compile(r"header announces ([\d,]+) bytes, CAP is ([\d,]+)[;,]? ?(?:then: )?")
"""Length and CAP in the detail of a refused header; the CAP in force may be another one by now."""


_TOLD: Final = re.compile(
    r"At offset [\d,]+ the header [0-9a-f ]+ announces [\d,]+ bytes"
    r"(, over the CAP of [\d,]+|; [\d,]+ have come)?\.( |$)"
)
"""The facts at the start of a diagnosis's words."""


def labelled_line(text: str) -> Line:
    """Begin a line with a label."""
    return [(text.ljust(LABEL), palette.LABEL)]


def detail_beside(found: Diagnosis, detail: str) -> str:
    """Return the detail of a close without the facts that `diagnosis_lines` tells of it."""
    told = _REFUSED.match(detail)
    is_told = told is not None and told[1] == _announced(found)
    return detail[told.end() :] if told is not None and is_told else detail


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
        named.append((f", or as well {', '.join(found.also)}", palette.WARNING))
    text = _TOLD.sub("", found.text)
    words = [*labelled_line("in words"), (text, palette.PLAIN)] if text else []
    return [part for line in (facts, named, words) if line for part in flow(line, width, LABEL)]


def _facts(row: Row, found: Diagnosis, cap: int | None) -> list[tuple[str, str]]:
    header = bytes.fromhex(found.header)
    facts = []
    if announced := _announced(found):
        facts.append(("announced", f"{announced} bytes"))
    refused = _REFUSED.match("" if row.closed is None else row.closed.detail)
    if refused is not None:
        facts.append(("CAP", refused[2]))
    elif cap is not None:
        facts.append(("CAP", f"{cap:,}"))
    facts.append(("offset", f"{found.offset:,}"))
    if header:
        short = "" if len(header) == HEADER_SIZE else f", {len(header)} of {HEADER_SIZE} bytes"
        facts.append(("header", f"{header.hex(' ')}{short}"))
    return facts
