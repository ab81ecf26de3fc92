"""A command to a loop that is held (`--step`): it waits, and whoever sent it is told why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.control.client_side import control_client
from app.control.protocol import Do, News
from app.core.commands import Kill, KillMode, Set, Step, StepAction
from tests.control.serving import Controlled, ask, news_until
from tests.peers import connect, exchange

HOLD = Step(request=7, action=StepAction.HOLD)
GO = Step(request=8, action=StepAction.GO)
SET = Set(request=9, name="cap", value=64)


@pytest.fixture
def stepped(tmp_path: Path) -> Iterator[Controlled]:
    with Controlled(tmp_path / "s", step=True) as running:
        yield running


def test_a_command_waits_says_why_and_is_carried_out(
    stepped: Controlled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_client, "ANSWER_WITHIN", 1.0)
    told: list[str] = []
    with stepped.link() as other, stepped.link() as link:
        ask(other, HOLD)

        def wait(text: str) -> None:
            told.append(text)
            assert stepped.server.is_held
            ask(other, GO)

        link.on_wait = wait
        (result,) = link.carry_out(SET)
    assert told == ["set waits until the loop goes on: it is held before read"]
    assert (result.ok, result.id) == (True, None)


@pytest.mark.parametrize("mode", [KillMode.RESET, KillMode.CLOSE])
def test_the_one_who_sent_it_can_let_the_loop_go_on(stepped: Controlled, mode: KillMode) -> None:
    """A step is not behind a kill that waits for it."""
    with stepped.link() as link, connect(stepped.server.port) as client:
        assert exchange(client, [b"\0\0\0\1x"], 5) == b"\0\0\0\1x"
        ask(link, HOLD)
        kill = Kill(request=10, instance=link.instance, ids=(1,), mode=mode)
        link.send(Do(command=kill))
        news = news_until(link, lambda news: news.waits)
        assert news[-1].waits.startswith("kill waits until the loop goes on")
        assert ask(link, Step(request=11, action=StepAction.CALL))[0].ok
        link.send(Do(command=GO))

        def is_killed(news: News) -> bool:
            return any(getattr(event, "request", 0) == kill.request for event in news.events)

        news_until(link, is_killed)
        if mode is KillMode.RESET:
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        else:
            assert client.recv(1) == b""
