"""The words of `attach --say` and their answers, on a state that was fed."""

from __future__ import annotations

import pytest

from app.cli.spoken_commands import HELP, LISTED_AT_MOST, SpokenCommands
from app.core.commands import Kill, KillMode
from app.core.events import CommandResult
from app.watch.state import State
from app.watch.stream import Drained
from screenshots.scenes import overview
from tests.making import INSTANCE, NOW, FixedSource, opened


class Spoken:
    """Commands on the state of the overview; `source` has what was sent."""

    def __init__(self, asks: bool = False) -> None:
        self.source = FixedSource()
        self.state = State(keep_closed=10)
        self.state.apply(Drained(overview(), [], None, 0), NOW)
        self.commands = SpokenCommands(self.state, self.source.submit, self.source.now, asks)

    def say(self, line: str) -> list[str]:
        return list(self.commands.answer(line))

    @property
    def sent(self) -> list[tuple[tuple[int, ...], KillMode, str]]:
        kills = [each for each in self.source.commands if isinstance(each, Kill)]
        assert len(kills) == len(self.source.commands)
        return [(each.ids, each.mode, each.instance) for each in kills]


def test_why_and_list() -> None:
    spoken = Spoken()
    (line,) = spoken.say("why 9")
    assert line.startswith("#9 127.0.0.1:52271 WRITE_BODY, stuck, peer is not reading: window")
    assert spoken.say(" WHY  #9 ") == [line]
    assert [each.split()[0] for each in spoken.say("list stuck")] == ["#6", "#8", "#9", "#11"]
    assert spoken.say("list peer:1.2.3.4") == ["none"]
    (line,) = spoken.say("why 1")
    assert line.startswith("#1 127.0.0.1:48919 closed: killed")
    everybody = spoken.say("list")
    assert len(everybody) == LISTED_AT_MOST + 1
    assert everybody[-1] == "and 15 more"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", []),
        ("help", list(HELP)),
        (
            "why",
            ["why: '' is not the id of a connection: write a whole number"],
        ),
        ("why 999", ["#999 is not open"]),
        (
            "list pendng>1",
            ["list: filter, character 1: no column 'pendng'; there are id"],
        ),
        ("kill", ["kill: say which, as in kill 9, or kill where is:stuck"]),
        ("kill reset", ["kill: say which, as in kill 9, or kill where is:stuck"]),
        ("kill 9 gently", ["kill: 'gently' is not the id of a connection: write a whole number"]),
        (
            "kill where",
            ["kill: say a filter, as in kill where is:stuck; all: id>0"],
        ),
        ("kill where peer:1.2.3.4", ["no open connection passes the filter"]),
        ("jump", ["'jump' is no command: help lists them"]),
    ],
)
def test_every_mistake_has_an_answer(line: str, said: list[str]) -> None:
    spoken = Spoken()
    answers = spoken.say(line)
    assert [each[: len(begin)] for each, begin in zip(answers, said, strict=True)] == said
    assert spoken.sent == []


def test_of_connections_whose_loop_is_silent_one_thing_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.cli.spoken_commands.judged_rows", lambda *_asked: ([], 3))
    (line,) = Spoken().say("kill where id>0")
    assert line.startswith("3 connections are not ended")


def test_one_is_ended_at_once_and_its_outcome_is_told() -> None:
    spoken = Spoken(asks=True)
    assert spoken.say("kill 9 reset") == []
    assert spoken.sent == [((9,), KillMode.RESET, INSTANCE)]
    assert spoken.commands.under_way == 1
    (command,) = spoken.source.commands
    result = CommandResult(
        t=NOW, request=command.request, command="kill", ok=True, message="closed", id=9
    )
    assert spoken.commands.outcome(result) == "kill: #9: closed"
    assert spoken.commands.outcome(result) is None
    assert spoken.commands.under_way == 0


@pytest.mark.parametrize("line", ["kill 9 10 9", "kill where id=9 or id=10"])
def test_before_several_are_ended_a_person_is_asked(line: str) -> None:
    spoken = Spoken(asks=True)
    (question,) = spoken.say(line)
    assert question.startswith("end 2 connections, #9 #10 (mode close)?")
    assert spoken.say("no") == ["none was ended"]
    assert spoken.say("yes") == ["'yes' is no command: help lists them"]
    spoken.say(line)
    spoken.say("why 9")  # anything but a yes is a no
    spoken.say("yes")
    assert spoken.sent == []
    spoken.say(line)
    assert spoken.say("yes") == []
    assert spoken.sent == [((9, 10), KillMode.CLOSE, INSTANCE)]


def test_without_a_person_several_are_ended_at_once() -> None:
    spoken = Spoken(asks=False)
    assert spoken.say("kill where stuck") == []
    assert spoken.sent == [((6, 8, 9, 11), KillMode.CLOSE, INSTANCE)]


def test_a_question_is_about_the_server_that_it_named() -> None:
    spoken = Spoken(asks=True)
    spoken.say("kill 9 10")
    first = spoken.state.listening
    assert first is not None
    spoken.state.apply(Drained([opened(9), opened(10)], [], None, 0, afresh=True), NOW)
    spoken.say("yes")
    assert spoken.sent == [((9, 10), KillMode.CLOSE, first.instance)]


def test_quit() -> None:
    spoken = Spoken()
    assert spoken.say("quit") == []
    assert spoken.commands.has_quit
