"""The words that `attach --say` understands, and its answers: plain lines.

Nothing here waits: a kill is sent, and its outcome is told when it comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import click

from ..core.commands import Command, KillMode
from ..core.events import CommandResult
from ..watch.filter import FilterError, parse_filter
from ..watch.requests import Requests
from ..watch.row import Row
from ..watch.state import State
from ..watch.why import is_stuck, why_waiting
from .ctl.linking import judged_rows, passing_rows
from .ctl.targets import destroying_filter, named_ids, unjudged_words
from .options import ConnectionId

LISTED_AT_MOST: Final = 20
"""Connections that an answer lists; it counts the others."""
HELP: Final = (
    "why ID: why a connection waits",
    "list: the open connections; list stuck; list FILTER, as in list state:WRITE_BODY",
    "kill ID: end connections, one or several; a last word drain, close or reset says how",
    "kill where FILTER: end those that pass a filter",
    "help, quit",
)
_YES: Final = ("yes", "y")


class SpokenCommands:
    """Carries out one line of words after the other. For one thread."""

    def __init__(
        self, state: State, submit: Callable[[Command], None], now: Callable[[], float], asks: bool
    ) -> None:
        """`submit` sends a command, `now` is the time on the clock of the events.

        With `asks`, a person is asked before more than one connection is ended.
        """
        self._state = state
        self._requests = Requests(submit)
        self._now = now
        self._asks = asks
        self._question: tuple[tuple[int, ...], KillMode, str] | None = None
        """Connections that are to be ended, how, and in which server, until `yes` is said."""
        self.under_way = 0
        """Commands that were sent, and have no answer yet."""
        self.has_quit = False

    def answer(self, line: str) -> Iterator[str]:
        """Carry out a line; yield the lines of the answer."""
        question, self._question = self._question, None
        word, _, rest = line.strip().partition(" ")
        word, rest = word.lower(), rest.strip()
        try:
            match word:
                case "":
                    return
                case "help" | "?":
                    yield from HELP
                case "quit" | "exit" | "q":
                    self.has_quit = True
                case "why":
                    yield self._why(rest)
                case "list":
                    yield from self._list(rest)
                case "kill":
                    yield from self._kill(rest)
                case _ if question is not None and word in _YES:
                    yield from self._send(*question)
                case _ if question is not None:
                    yield "none was ended"
                case _:
                    yield f"{word[:40]!r} is no command: help lists them"
        except FilterError as error:
            yield f"{word}: filter, character {error.position + 1}: {error}"
        except click.UsageError as error:
            yield f"{word}: {error.message}"

    def outcome(self, result: CommandResult) -> str | None:
        """Return in words what became of a command; None if it was not sent from here."""
        outcome = self._requests.outcome(result)
        if outcome is None:
            return None
        self.under_way -= 1
        return f"{outcome.command}: {outcome.text}"

    @property
    def _instance(self) -> str:
        return "" if self._state.listening is None else self._state.listening.instance

    def _why(self, words: str) -> str:
        connection_id = ConnectionId().convert(words, None, None)
        kept = {row.id: row for row in self._state.kept}
        row = self._state.rows.get(connection_id) or kept.get(connection_id)
        return f"#{connection_id} is not open" if row is None else self._described(row)

    def _described(self, row: Row) -> str:
        if row.closed is not None:
            return f"#{row.id} {row.peer} closed: {row.reason}, {row.closed.detail}".rstrip(", ")
        now = self._now()
        stuck = "stuck, " if is_stuck(row, now) else ""
        return f"#{row.id} {row.peer} {row.state.value}, {stuck}{why_waiting(row, now)}"

    def _list(self, text: str) -> Iterator[str]:
        rows = passing_rows(self._state, self._now(), parse_filter(text))
        yield from map(self._described, rows[:LISTED_AT_MOST])
        if len(rows) > LISTED_AT_MOST:
            yield f"and {len(rows) - LISTED_AT_MOST:,} more"
        elif not rows:
            yield "none" if text else "no connection is open"

    def _kill(self, text: str) -> Iterator[str]:
        mode = KillMode.CLOSE
        if text.lower().startswith("where"):
            if not text[5:].strip():
                raise click.UsageError("say a filter, as in kill where is:stuck; all: id>0")
            chosen = destroying_filter(text[5:])
            assert chosen is not None
            rows, unjudged = judged_rows(self._state, self._now(), chosen)
            ids = tuple(row.id for row in rows)
            if unjudged:
                yield unjudged_words(unjudged)
            elif not ids:
                yield "no open connection passes the filter"
        else:
            ids, mode = _read_targets(text.split())
        if not ids:
            return
        if len(ids) > 1 and self._asks:
            self._question = ids, mode, self._instance
            yield f"end {named_ids(ids)} (mode {mode.value})? say yes, or anything else for no"
        else:
            yield from self._send(ids, mode, self._instance)

    def _send(self, ids: tuple[int, ...], mode: KillMode, instance: str) -> Iterator[str]:
        self.under_way += 1
        self._requests.kill(ids, mode, instance)
        if self._state.held is not None:
            yield self._state.held.delays("kill")


def _read_targets(words: Iterable[str]) -> tuple[tuple[int, ...], KillMode]:
    """Read ``9 10 reset``. Raises `click.UsageError`."""
    *ids, last = [*words] or [""]
    mode = KillMode.CLOSE
    if last.lower() in tuple(KillMode):
        mode = KillMode(last.lower())
    else:
        ids.append(last)
    if not any(ids):
        raise click.UsageError("say which, as in kill 9, or kill where is:stuck")
    return tuple(dict.fromkeys(ConnectionId().convert(each, None, None) for each in ids)), mode
