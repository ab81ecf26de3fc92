"""The audit: every changed setting and every answered command of a server. No Textual."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Set
from typing import Final, NamedTuple

from ..core.commands import ROUTINE
from ..core.events import CommandResult, Event, SettingChanged
from .journal import by_whom, entry

AUDIT_LIMIT: Final = 500
"""Changes that are kept. The answers to one kill of many connections are one change."""


class Change(NamedTuple):
    """One change; this dashboard or another client made it."""

    t: float
    what: str
    """``cap``, ``kill #7``."""
    change: str
    """``64KiB → 1MiB``; empty for what has no old and new."""
    result: str
    """The server's answer, empty until it comes. It must never be read as markup."""
    ok: bool = True
    ids: Set[int] = frozenset()
    """The connections that a command named."""


class Audit:
    """The latest changes, the oldest first."""

    def __init__(self) -> None:
        self.changes: deque[Change] = deque(maxlen=AUDIT_LIMIT)
        self._last: tuple[object, ...] = ()  # the latest answer: request, command, ok, message
        self._ids: set[int] = set()  # the connections of the answers like it
        self._alike = 0  # how many such answers there were in a row

    def copy(self) -> Audit:
        """Return a copy that stays as it is."""
        audit = copy.copy(self)
        audit.changes, audit._ids = self.changes.copy(), self._ids.copy()
        return audit

    def apply(self, event: Event) -> None:
        """Keep a change or the answer to a command; traces follow the cursor and are left out."""
        if isinstance(event, SettingChanged):
            self.changes.append(Change(event.t, event.name, entry(event).text, ""))
        elif isinstance(event, CommandResult) and event.command not in ROUTINE:
            if event.ok and event.command == "set" and self._is_answer_due():
                self.changes.append(self.changes.pop()._replace(result="done"))
                return
            self._keep_answer(event)

    def _keep_answer(self, event: CommandResult) -> None:
        what = event.command if event.id is None else f"{event.command} #{event.id}"
        answer = (event.request, event.command, event.ok, event.message)
        if self._is_like_the_last(event, answer):
            first, self._alike = self.changes.pop(), self._alike + 1
            what = f"{event.command} {self._alike:,} connections"
            self._ids |= {event.id} if event.id is not None else set()
            self.changes.append(first._replace(what=what))
            return
        self._last, self._alike = answer, 1
        self._ids = set() if event.id is None else {event.id}
        result = f"{event.message}{by_whom(event)}"
        self.changes.append(Change(event.t, what, "", result, event.ok, self._ids))

    def _is_like_the_last(self, event: CommandResult, answer: tuple[object, ...]) -> bool:
        is_latest = bool(self.changes) and not self.changes[-1].change
        return event.id is not None and is_latest and answer == self._last

    def _is_answer_due(self) -> bool:
        """Whether the latest change is of a setting and its command was not answered yet."""
        return bool(self.changes) and bool(self.changes[-1].change) and not self.changes[-1].result
