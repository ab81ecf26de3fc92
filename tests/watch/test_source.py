"""The source of a server in this process."""

from app.core.commands import Command, ReadBytes, Stop
from app.core.events import Crashed
from app.core.kept_bytes import KeptBytes
from app.watch.source import Failure, StreamSource
from app.watch.stream import Drained, EventStream
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


def test_the_bytes_of_a_peer_are_told_to_the_one_that_has_asked() -> None:
    stream, other = EventStream(), EventStream()
    sources = [StreamSource(each, lambda _command: None, lambda: NOW) for each in (stream, other)]
    sources[0].submit(ReadBytes(request=7, id=1))
    told = [KeptBytes(t=NOW, request=number, id=1, size=0) for number in (6, 7)]
    for each in (stream, other):
        each.hear(Drained([*told], [], None, 0))
    assert [source.drain().events for source in sources] == [[told[1]], []]
