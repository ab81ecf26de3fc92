"""The source of a server in this process."""

from app.core.commands import Command, Stop
from app.core.events import Crashed
from app.watch.source import StreamSource
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
    assert source.failure() == "it broke"
    source.submit(Stop(request=1, cause="q"))
    assert commands == [Stop(request=1, cause="q")]
    assert source.now() == NOW


def test_a_death_without_an_event() -> None:
    source = StreamSource(EventStream(), print, lambda: NOW, failure=lambda: "gone")
    assert source.failure() == "gone"
