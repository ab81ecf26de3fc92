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
_CAP: Final = re.compile(r"CAP is ([\d,]+)")
"""The CAP that refused a header, in the detail of its close; the one in force may be another."""


def labelled_line(text: str) -> Line:
    """Begin a line with a label."""
    return [(text.ljust(LABEL), palette.LABEL)]


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
    words = [*labelled_line("in words"), (found.text, palette.PLAIN)]
    return [part for line in (facts, named, words) for part in flow(line, width, LABEL)]


def _facts(row: Row, found: Diagnosis, cap: int | None) -> list[tuple[str, str]]:
    header = bytes.fromhex(found.header)
    facts = []
    if len(header) == HEADER_SIZE:
        facts.append(("announced", f"{int.from_bytes(header, 'big'):,} bytes"))
    refused_by = _CAP.search("" if row.closed is None else row.closed.detail)
    if refused_by is not None:
        facts.append(("CAP", refused_by[1]))
    elif cap is not None:
        facts.append(("CAP", f"{cap:,}"))
    facts.append(("offset", f"{found.offset:,}"))
    if header:
        short = "" if len(header) == HEADER_SIZE else f", {len(header)} of {HEADER_SIZE} bytes"
        facts.append(("header", f"{header.hex(' ')}{short}"))
    return facts
