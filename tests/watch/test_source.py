"""The source of a server in this process."""

from app.core.commands import Command, Stop
from app.core.events import Crashed
from app.watch.source import Failure, StreamSource
from app.watch.stream import EventStream
from tests.making import NOW, opened


def test_it_drains_submits_and_tells_of_a_crash() -> None:
    stream = EventStream()
    commands: list[Command] = []
    source = StreamSource(stream, commands.append, lambda: NOW)
    assert stream.watched
    stream.publish(opened(1))
    assert source.drain().events == [opened(1)]
    assert source.drain().events == []
    assert source.failure() is None
    stream.publish(Crashed(t=NOW, error="it broke", traceback=""))
    source.drain()
    assert source.failure() == Failure("it broke", server_is_dead=True)
    source.submit(Stop(request=1, cause="q"))
    assert commands == [Stop(request=1, cause="q")]
    assert source.now() == NOW


def test_a_stream_that_is_told_nothing_more_is_no_death_of_the_server() -> None:
    why = [""]
    source = StreamSource(EventStream(), print, lambda: NOW, unheard=lambda: why[0])
    assert source.failure() is None
    why[0] = "events are no longer handed on: ValueError: oops"
    assert source.failure() == Failure(why[0], server_is_dead=False)
