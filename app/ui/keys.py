"""Every key, as the help shows it."""

from __future__ import annotations

from typing import Final

KEYS: Final = [
    ("↑ ↓", "select a connection"),
    ("PgUp PgDn", "by a screenful"),
    ("Home End, g G", "first, last"),
    ("/", "filter the table"),
    ("f", "filter off, on"),
    ("space", "tag the connection"),
    ("k", "kill the connection"),
    ("K", "kill all tagged"),
    ("c", "change the CAP"),
    ("t", "timeouts, write mode"),
    ("a", "what was done"),
    ("p", "pause the screen"),
    ("s", "sort by next column"),
    ("r", "reverse the order"),
    ("e S", "export table, screen"),
    ("R", "record, stop recording"),
    ("l", "detail or event log"),
    ("? F1", "this help"),
    ("q", "quit"),
]
