"""The screen as files: the table as JSON and CSV, the screen as SVG. Imports no Textual."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from .columns import LISTED, Value, facts_of
from .row import Row

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
"""Characters at the start of a cell that make a spreadsheet read it as a formula."""


def as_json(rows: Iterable[Row], now: float, filtered_by: str) -> str:
    """One object: the time `now`, the filter, and the connections in the order of the table."""
    connections = [objects_of(row, now) for row in rows]
    whole = {"t": now, "filter": filtered_by, "connections": connections}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def one_as_json(row: Row, now: float) -> str:
    """One connection as one line of JSON."""
    return json.dumps(objects_of(row, now), ensure_ascii=False)


def objects_of(row: Row, now: float) -> dict[str, Any]:
    """The facts for JSON: a diagnosis is an object, and the fault of a closed one its receipt."""
    found, closed = row.diagnosis, row.closed
    fault: Any = row.snapshot.fault or None if row.snapshot is not None else None
    if closed is not None:
        fault = None if closed.fault is None else msgspec.to_builtins(closed.fault)
    told = {
        "diagnosis": None if found is None else msgspec.to_builtins(found),
        "fault": fault,
    }
    end = {} if closed is None else {"detail": closed.detail, "closed_at": closed.t}
    return facts_of(row, now) | told | end


def one_as_text(row: Row, now: float) -> str:
    """One connection as one line: ``id=9 peer=127.0.0.1:52271 ...``, words in quotes."""
    return " ".join(f"{name}={_quoted(value)}" for name, value in facts_of(row, now).items())


def _quoted(value: Value) -> str:
    text = _text_of(value)
    return json.dumps(text, ensure_ascii=False) if " " in text or not text else text


def _text_of(value: Value) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)


def as_csv(rows: Iterable[Row], now: float) -> str:
    """A line of names, then a line for each connection in the order of the table."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(column.json_name for column in LISTED)
    for row in rows:
        writer.writerow(map(_harmless, facts_of(row, now).values()))
    return text.getvalue()


def _harmless(value: Value) -> Value:
    """Quote a peer's text that a spreadsheet would run as a formula."""
    value = _text_of(value) if isinstance(value, list) else value
    is_formula = isinstance(value, str) and value.startswith(_FORMULA_STARTS)
    return f"'{value}" if is_formula else value


def write_files(now: float, contents: Mapping[str, str]) -> list[Path]:
    """Write files into the current directory, named after the local time and their suffixes.

    Nothing is ever overwritten. Only the user may read them: they tell who was connected. Raises
    `OSError`.
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
        with open(path, "x", encoding="utf-8", newline="", opener=open_private) as file:
            file.write(text)
        written.append(path.absolute())
    return written


def open_private(path: str, flags: int) -> int:
    """Open a file for `open`; a new one is for its user alone. Raises `OSError`."""
    return os.open(path, flags, 0o600)
