"""What the screen shows, as files: the table as JSON and CSV, the screen as SVG. No Textual."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from .row import Row
from .why import why_waiting

Figure: TypeAlias = int | float | str | bool


def _why(row: Row, now: float) -> str:
    return row.closed.detail if row.closed is not None else why_waiting(row.snapshot, now)


_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula at the start of a cell."""
FIELDS: Final[Mapping[str, Callable[[Row, float], Figure]]] = {
    "id": lambda row, _now: row.id,
    "fd": lambda row, _now: row.fd,
    "peer": lambda row, _now: row.peer,
    "worker": lambda row, _now: row.worker,
    "state": lambda row, _now: row.state.value,
    "reason": lambda row, _now: row.reason,
    "armed": lambda row, _now: row.armed,
    "toggles": lambda row, _now: row.toggles,
    "pending": lambda row, _now: row.pending,
    "frames_in": lambda row, _now: row.frames_in,
    "frames_out": lambda row, _now: row.frames,
    "bytes_in": lambda row, _now: row.bytes_in,
    "bytes_out": lambda row, _now: row.bytes_out,
    "eagains": lambda row, _now: row.eagains,
    "partial_writes": lambda row, _now: row.partial_writes,
    "frames_per_second": lambda row, now: round(row.rate(now), 1),
    "age_seconds": lambda row, now: round(row.age(now), 3),
    "idle_seconds": lambda row, now: round(row.idle(now), 3),
    "why": _why,
}
"""The fields of an exported connection, in their order."""


def as_json(rows: Iterable[Row], now: float, filtered_by: str) -> str:
    """One object: when it was, the filter, and the connections in the order of the table."""
    connections = [{name: get(row, now) for name, get in FIELDS.items()} for row in rows]
    whole = {"t": now, "filter": filtered_by, "connections": connections}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def one_as_json(row: Row, now: float) -> str:
    """One connection as one line of JSON."""
    return json.dumps({name: get(row, now) for name, get in FIELDS.items()}, ensure_ascii=False)


def one_as_text(row: Row, now: float) -> str:
    """One connection as one line: ``id=9 peer=127.0.0.1:52271 ...``, words in quotes."""
    figures = ((name, get(row, now)) for name, get in FIELDS.items())
    return " ".join(f"{name}={_quoted(value)}" for name, value in figures)


def _quoted(value: Figure) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if " " in text or not text else text


def as_csv(rows: Iterable[Row], now: float) -> str:
    """A line of names, then a line for each connection in the order of the table."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FIELDS)
    for row in rows:
        writer.writerow([_harmless(get(row, now)) for get in FIELDS.values()])
    return text.getvalue()


def _harmless(value: Figure) -> Figure:
    """Text of a peer must not become a formula in whoever's spreadsheet."""
    is_formula = isinstance(value, str) and value.startswith(_FORMULA_STARTS)
    return f"'{value}" if is_formula else value


def write_files(now: float, contents: Mapping[str, str]) -> list[Path]:
    """Write files into the current directory, named after the local time and their suffixes.

    Nothing is ever overwritten. Raises `OSError`.
    """
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    name = stem = f"echo-tui-{stamp}"
    number = 1
    while any(Path(f"{name}.{suffix}").exists() for suffix in contents):
        number += 1
        name = f"{stem}-{number}"
    written = []
    for suffix, text in contents.items():
        path = Path(f"{name}.{suffix}")
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
        written.append(path.absolute())
    return written
