"""Tags, and the kill of all tagged or all filtered connections."""

from textual.widgets import Static

from app.core.commands import Command, Kill, KillMode, TraceLevel
from app.core.events import CommandResult, Reason
from app.ui import palette
from app.ui.kill_dialog import NAMED, KillDialog
from app.watch.requests import RequestOutcome, Requests
from screenshots.scenes import overview
from tests.making import NOW, FixedSource, closed, opened
from tests.ui.driving import actions, refresh, running, screen_text, table


def result(
    request: int, connection_id: int | None, ok: bool = True, message: str = "closed"
) -> CommandResult:
    return CommandResult(
        t=NOW, request=request, command="kill", ok=ok, message=message, id=connection_id
    )


async def test_the_tagged_are_listed_as_they_were_and_killed_by_one_command() -> None:
    source = FixedSource([opened(number) for number in range(1, 12)])
    async with running(source) as (app, pilot):
        for _ in range(8):
            await pilot.press("space", "down")
        await pilot.press("up", "space")
        await refresh(app, pilot)
        assert "7 tagged" in screen_text(app)
        assert screen_text(app).count(palette.TAG) == 7
        await pilot.press("K")
        assert isinstance(app.screen, KillDialog)
        assert app.focused is app.screen.query_one("#cancel")
        named, others = (app.screen.query_one(each, Static) for each in ("#named", "#others"))
        assert "7 connections, tagged" in str(named.content)
        assert f"and {7 - NAMED} more" in str(others.content)
        source.feed(opened(12))
        await refresh(app, pilot)
        assert f"and {7 - NAMED} more" in str(others.content)
        await pilot.click("#reset")
        await pilot.pause()
        [command] = actions(source)
        assert isinstance(command, Kill)
        assert (command.ids, command.mode) == ((1, 2, 3, 4, 5, 6, 7), KillMode.RESET)
        source.feed(
            *(result(command.request, number) for number in (1, 3, 4, 5, 6, 7)),
            closed(2, Reason.EOF),
            result(command.request, 2, ok=False, message="no such connection"),
        )
        await refresh(app, pilot)
        [notification] = app._notifications
        assert notification.message == "6 closed, 1 failed: #2 no such connection"
        assert notification.severity == "error"


async def test_without_tags_all_that_the_filter_shows_and_is_open() -> None:
    source = FixedSource(overview())
    async with running(source) as (app, pilot):
        await pilot.press("K")
        assert len(app.screen_stack) == 1
        await pilot.press("slash", *"id<=5 or closed", "enter", "K")
        assert isinstance(app.screen, KillDialog)
        assert "id<=5 or closed" in str(app.screen.query_one(".what Static", Static).content)
        await pilot.press("right", "enter")
        await pilot.pause()
        [command] = actions(source)
        assert isinstance(command, Kill)
        assert (command.ids, command.mode) == ((2, 3, 4, 5), KillMode.DRAIN)


async def test_a_filter_that_is_off_chooses_nothing() -> None:
    source = FixedSource(overview())
    async with running(source) as (app, pilot):
        await pilot.press("slash", *"id<=5", "enter", "f", "K")
        assert len(app.screen_stack) == 1
        await pilot.press("slash", *" id=14", "enter", "f", "K")
        assert len(app.screen_stack) == 1


async def test_the_dialog_lists_every_id() -> None:
    source = FixedSource(overview())
    async with running(source) as (app, pilot):
        await pilot.press("slash", *"peer:127", "enter", "K")
        parts = [app.screen.query_one(each, Static) for each in ("#named", "#others")]
        said = " ".join(str(part.content) for part in parts)
        shown = [row.id for row in table(app).shown if row.closed is None]
        assert len(shown) == 33
        assert [int(word[1:]) for word in said.split() if word.startswith("#")] == shown


async def test_tags_that_the_filter_hides_are_said_and_leave_with_their_rows() -> None:
    source = FixedSource(overview())
    async with running(source) as (app, pilot):
        await pilot.press("g", "down", "space", "down", "space", "slash", *"#3", "enter", "K")
        assert isinstance(app.screen, KillDialog)
        said = str(app.screen.query_one(".what Static", Static).content)
        assert "2 connections, tagged, 1 of them hidden by the filter" in said
        await pilot.press("enter", "f")
        assert actions(source) == []
        source.feed(closed(2, Reason.EOF, ago=60), closed(3, Reason.EOF, ago=-60))
        source.time += 6
        await refresh(app, pilot)
        assert table(app).tagged == {3}
        await pilot.press("K")
        assert len(app.screen_stack) == 1


def test_results_become_one_outcome() -> None:
    sent: list[Command] = []
    requests = Requests(sent.append)
    requests.trace(4, TraceLevel.IO)
    requests.kill(range(1, 9), KillMode.DRAIN)
    request = sent[-1].request
    assert requests.outcome(result(request - 1, 4)) is None
    outcomes = [requests.outcome(result(request, number)) for number in (1, 2)]
    outcomes.append(requests.outcome(result(request, 3, message="draining: 9 bytes pending")))
    outcomes += [requests.outcome(result(request, n, False, "gone")) for n in range(4, 9)]
    assert outcomes[:-1] == [None] * 7
    text = "2 closed, 1 draining, 5 failed: #4 gone, #5 gone, #6 gone, and 2 more"
    assert outcomes[-1] == RequestOutcome("kill", text, False)
    assert requests.outcome(result(request, 9)) is None


def test_a_command_refused_as_a_whole_is_reported_at_once() -> None:
    sent: list[Command] = []
    requests = Requests(sent.append)
    requests.kill([1, 2], KillMode.CLOSE)
    refusal = result(sent[0].request, None, False, "the server has stopped")
    assert requests.outcome(refusal) == RequestOutcome("kill", "the server has stopped", False)
