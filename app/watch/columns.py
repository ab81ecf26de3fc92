"""The table of columns: everything about a column of connections except how it is drawn.

The dashboard's table, `ctl list` and `ctl show`, the exports, the filter and the preferences all
read this table; `app.ui.cells` draws. A column has two names: its key, which the screen and
``[ui] columns`` use, and its JSON name, which programs use. A new counter of `Snapshot` and
`Closed` needs one line here, in `COLUMNS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, TypeAlias

from ..core.events import ConnectionState, Reason
from .notes import WORDS, words_of
from .peer_order import sort_key_of
from .row import Row
from .why import WhyCode, why_code, why_in_brief, why_waiting

Value: TypeAlias = int | float | str | bool | list[str]
Getter: TypeAlias = Callable[[Row, float], Value]
"""Reads a value of a row at a time, in seconds on the clock of the events."""

AMOUNT_WIDTH: Final = 11
"""Cells of ``done/whole``, which is two short sizes."""
BAR_WIDTH: Final = 8
"""Cells of the widest bar in front of an amount."""
ID_AT_LEAST: Final = 4
"""Cells of the narrowest column of ids."""
WHY_AT_LEAST: Final = 26
"""Cells below which the words of why a connection waits are not worth their room."""


class Unit(Enum):
    """The unit of a column's values: it says how the filter reads what a value is compared with."""

    TEXT = auto()
    COUNT = auto()
    BYTES = auto()
    SECONDS = auto()
    FLAG = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. Its functions may be called from any thread that owns the rows."""

    key: str
    json_name: str
    title: str
    """The heading on the screen."""
    width: int
    """Cells on a wide screen."""
    right: bool
    """Whether title and cells are aligned at the right."""
    meaning: str
    """A few words for the person who chooses columns."""
    unit: Unit
    value: Getter
    """The exact value. The filter compares it."""
    sort_value: Getter
    """The value by which rows are sorted."""
    full_value: Getter
    """The value for programs, before it is rounded."""
    decimals: int = 3
    """Decimals of a JSON value that is no whole number."""
    choices: tuple[str, ...] = ()
    """Every text that the value can be; empty if there are too many to name."""
    steady: bool = False
    """Whether the value never changes for a connection."""
    largest_first: bool = False
    """Whether the first sort by this column puts the largest values on top."""
    at_first: bool = False
    """Whether the screen looks for room for it before anybody has chosen columns."""
    listed: bool = True
    """Whether `ctl list` and the exports contain it without being asked."""

    def json_value(self, row: Row, now: float) -> Value:
        """The value for JSON, CSV and `ctl`, rounded to `decimals`."""
        value = self.full_value(row, now)
        return round(value, self.decimals) if isinstance(value, float) else value


def _column(
    key: str, width: int, meaning: str, value: Getter, unit: Unit = Unit.TEXT, **others: Any
) -> Column:
    """A column whose other fields follow from these, unless `others` has them."""
    is_figure = unit is not Unit.TEXT
    fields: dict[str, Any] = {
        "json_name": key,
        "title": key,
        "right": is_figure,
        "sort_value": value,
        "full_value": value,
        "largest_first": is_figure and not others.get("steady"),
    } | others
    return Column(key=key, width=width, meaning=meaning, value=value, unit=unit, **fields)


def _counter(
    key: str, title: str, meaning: str, field: str = "", unit: Unit = Unit.COUNT, **others: Any
) -> Column:
    """A column for the counter `field` (or `key`) of `Snapshot` and `Closed`."""
    name = field or key
    width = 5 if unit is Unit.BYTES else 7
    count: Getter = lambda row, _now: row.count(name)  # noqa: E731
    return _column(key, width, meaning, count, unit, title=title, json_name=name, **others)


def _latest(field: str) -> Getter:
    """Read a field of the latest snapshot; 0 before the first one."""
    return lambda row, _now: 0 if row.snapshot is None else getattr(row.snapshot, field)


def _header(row: Row, _now: float) -> str:
    return "" if row.snapshot is None else row.snapshot.header.hex()


def _body_in_flight(row: Row, _now: float) -> int:
    is_reading = row.state is ConnectionState.READ_BODY
    return row.snapshot.body_read if row.snapshot is not None and is_reading else 0


def _out_written(row: Row, _now: float) -> int:
    return row.snapshot.out_sent if row.snapshot is not None and row.pending else 0


def _why(row: Row, now: float) -> str:
    if row.closed is not None:
        return row.closed.detail
    return why_waiting(row, now)


def _why_in_brief(row: Row, now: float) -> str:
    if row.closed is not None:
        return row.reason
    return why_in_brief(row, now)


def _why_code(row: Row, now: float) -> str:
    return why_code(row, now).value


def _diagnosis(row: Row, _now: float) -> str:
    return "" if row.diagnosis is None else row.diagnosis.code


def _notes(row: Row, now: float) -> str:
    return " ".join(words_of(row, now))


def _fault(row: Row, _now: float) -> str:
    if row.closed is not None:
        return "" if row.closed.fault is None else row.closed.fault.spec
    return "" if row.snapshot is None else row.snapshot.fault


def _unacked(row: Row, _now: float) -> int:
    return 0 if row.snapshot is None or row.closed is not None else row.snapshot.unacked_bytes


def _in_flight(row: Row, _now: float) -> int:
    is_open = row.snapshot is not None and row.closed is None
    return (row.snapshot.in_flight_bytes or 0) if row.snapshot is not None and is_open else 0


_STATES: Final = tuple(ConnectionState)
COLUMNS: Final[Mapping[str, Column]] = {
    column.key: column
    for column in (
        _column("id", ID_AT_LEAST, "its number, never used again",
                lambda row, _now: row.id, Unit.COUNT, steady=True, at_first=True),
        _column("fd", 5, "its file descriptor",
                lambda row, _now: row.opened.fd, Unit.COUNT, steady=True),
        _column("peer", 21, "address and port of the peer",
                lambda row, _now: row.peer, steady=True, at_first=True,
                sort_value=lambda row, _now: sort_key_of(row.peer)),
        _column("worker", 6, "the process that serves it",
                lambda row, _now: row.opened.worker, Unit.COUNT, steady=True, at_first=True),
        _column("state", 12, "state of its frame, or of its end",
                lambda row, _now: row.state.value, choices=_STATES, at_first=True,
                sort_value=lambda row, _now: _STATES.index(row.state)),
        _column("reason", 15, "why it closed or is closing",
                lambda row, _now: row.reason, choices=tuple(Reason)),
        _column("header", 3, "header bytes read, of 4", _latest("header_read"), Unit.BYTES,
                title="hdr", right=False, full_value=_header, at_first=True, listed=False),
        _column("body", BAR_WIDTH + 1 + AMOUNT_WIDTH, "body bytes read, of all", _body_in_flight,
                Unit.BYTES, title="body read", json_name="body_read", right=False,
                full_value=_latest("body_read"), at_first=True, listed=False),
        _column("out", BAR_WIDTH + 1 + AMOUNT_WIDTH, "bytes written, of the echo", _out_written,
                Unit.BYTES, title="out written", json_name="out_sent", right=False,
                full_value=_latest("out_sent"), at_first=True, listed=False),
        _column("pollout", 7, "whether POLLOUT is armed", lambda row, _now: row.armed, Unit.FLAG,
                title="POLLOUT", json_name="armed", right=False, at_first=True),
        _counter("toggles", "toggles", "times POLLOUT was armed or disarmed", at_first=True),
        _column("pending", 7, "bytes of echo not yet written",
                lambda row, _now: row.pending, Unit.BYTES, at_first=True),
        _column("unacked", 7, "bytes written, not acknowledged", _unacked, Unit.BYTES,
                json_name="unacked_bytes"),
        _column("in_flight", 9, "bytes in flight of them", _in_flight, Unit.BYTES,
                title="in flight", json_name="in_flight_bytes"),
        _counter("frames_in", "fr. in", "frames received"),
        _counter("frames", "frames", "frames echoed", "frames_out", at_first=True),
        _counter("bytes_in", "in B", "bytes received", unit=Unit.BYTES),
        _counter("bytes_out", "out B", "bytes of echo written", unit=Unit.BYTES),
        _counter("eagains", "EAGAIN", "calls answered with EAGAIN"),
        _counter("partial_writes", "partial", "writes cut short"),
        _column("rate", 7, "frames echoed per second", Row.rate, Unit.COUNT,
                title="rate/s", json_name="frames_per_second", decimals=2, at_first=True),
        _column("age", 5, "since it was opened", Row.age, Unit.SECONDS,
                json_name="age_seconds", largest_first=False, at_first=True),
        _column("idle", 5, "since a byte last moved", Row.idle, Unit.SECONDS,
                json_name="idle_seconds", at_first=True),
        _column("diagnosis", 18, "what its bytes are, in a code", _diagnosis),
        _column("notes", 1, "notes about its peer", _notes, title="!", choices=WORDS,
                full_value=words_of, sort_value=lambda row, now: len(words_of(row, now)),
                largest_first=True, at_first=True),
        _column("fault", 18, "the fault on purpose that it has", _fault),
        _column("why_code", 23, "why it waits, in a code", _why_code, title="why code",
                choices=tuple(WhyCode)),
        _column("why", WHY_AT_LEAST, "why it waits, in words", _why, sort_value=_why_in_brief),
    )
}  # fmt: skip
"""Every column by its key, in the order of the lists in which people and programs meet them."""
LISTED: Final = tuple(column for column in COLUMNS.values() if column.listed)
"""The columns of `ctl list --json` and of the exports, in their order."""
_BY_NAME: Final = {column.json_name: column for column in COLUMNS.values()} | dict(COLUMNS)
_BY_NAME["note"] = COLUMNS["notes"]  # `note:nagle` looks for one of them


OF_CLOSED: Final[Mapping[str, Column]] = {
    column.key: column
    for column in (
        _column("detail", WHY_AT_LEAST, "the cause of the reason",
                lambda row, _now: "" if row.closed is None else row.closed.detail),
        _column("closed_at", 8, "when it closed, in Unix seconds",
                lambda row, _now: 0.0 if row.closed is None else row.closed.t, Unit.SECONDS,
                decimals=9, title="closed", steady=True),
    )
}  # fmt: skip
"""Columns that only a list of closed connections has, by key."""
EVERY_COLUMN: Final[Mapping[str, Column]] = {**COLUMNS, **OF_CLOSED}
"""The columns of open and of closed connections, by key."""


def column_named(name: str) -> Column | None:
    """The column with this key or JSON name; None if there is none."""
    return _BY_NAME.get(name)


def facts_of(row: Row, now: float) -> dict[str, Value]:
    """The listed values of a connection by their JSON names, in their order."""
    return {column.json_name: column.json_value(row, now) for column in LISTED}
