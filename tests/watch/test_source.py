"""The source of a server in this process."""

from app.core.commands import Command, Stop
from app.core.events import Crashed
from app.core.statistics import ProcessStats
from app.watch.source import StreamSource
from app.watch.stream import EventStream
from tests.making import NOW, opened


def test_it_drains_samples_once_a_second_and_tells_of_a_crash() -> None:
    stream = EventStream()
    commands: list[Command] = []
    clock = [NOW]
    process = ProcessStats(t=NOW, cpu_percent=1, rss=2, fds=3, threads=4)
    source = StreamSource(stream, commands.append, lambda: clock[0], lambda: process)
    assert stream.watched
    stream.publish(opened(1))
    assert source.drain().events == [opened(1), process]
    clock[0] += 0.9
    assert source.drain().events == []
    clock[0] += 0.2
    assert source.drain().events == [process]
    assert source.failure() is None
    stream.publish(Crashed(t=NOW, error="it broke", traceback=""))
    source.drain()
    assert source.failure() == "it broke"
    source.submit(Stop(request=1, cause="q"))
    assert commands == [Stop(request=1, cause="q")]
    assert source.now() == clock[0]


def test_a_death_without_an_event() -> None:
    source = StreamSource(EventStream(), print, lambda: NOW, failure=lambda: "gone")
    assert source.failure() == "gone"
