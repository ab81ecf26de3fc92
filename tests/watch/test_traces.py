"""One connection that several look at is traced for all of them."""

from __future__ import annotations

from itertools import count

from app.core.commands import Command, Trace, TraceLevel
from app.watch.traces import Traces

OFF, IO, BYTES = TraceLevel.OFF, TraceLevel.IO, TraceLevel.BYTES


class Asked:
    """What the loop was asked for, with the connections 1 to 9 open."""

    def __init__(self) -> None:
        self.commands: list[Trace] = []
        self.open = set(range(1, 10))
        self.traces = Traces(self.open, self._submit)

    def _submit(self, command: Command) -> None:
        assert isinstance(command, Trace)
        self.commands.append(command)

    def levels(self) -> list[tuple[int, TraceLevel]]:
        told = [(command.id, TraceLevel(command.level)) for command in self.commands]
        self.commands.clear()
        return told

    def wish(self, who: str, connection_id: int, level: TraceLevel) -> None:
        self.traces.request(who, Trace(request=5, id=connection_id, level=level))


def test_who_leaves_takes_nothing_from_the_others() -> None:
    asked = Asked()
    asked.wish("screen", 1, IO)
    asked.wish("client", 1, BYTES)
    asked.wish("screen", 1, OFF)
    asked.wish("screen", 1, IO)
    assert asked.levels() == [(1, IO), (1, BYTES), (1, BYTES), (1, BYTES)]
    asked.wish("client", 2, IO)
    asked.traces.release("client", count(70).__next__)
    assert [command.request for command in asked.commands] == [5, 70, 71]
    assert asked.levels() == [(2, IO), (1, IO), (2, OFF)]
    asked.wish("screen", 1, OFF)
    assert asked.levels() == [(1, OFF)]


def test_of_what_has_closed_nothing_is_kept() -> None:
    asked = Asked()
    asked.wish("client", 1, IO)
    asked.open.clear()
    asked.wish("client", 99, IO)
    asked.levels()
    asked.traces.release("client", count().__next__)
    assert asked.levels() == []
