"""Both loops of the lab, held before each of their calls; in processes of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.cli.lab_screen import PlayedLab, playing
from app.core.framing import frame
from app.core.settings import Settings
from app.core.words.language import ENGLISH
from app.lab.lab_channel import LabLoop
from app.lab.lab_client import LabClient
from app.lab.lab_server import LabServer
from app.lab.scenarios import SCENARIOS
from tests.waiting import until

pytestmark = pytest.mark.slow
HELLO = frame(b"hello")


@pytest.fixture(params=["right", "wrong"])
def server(request: pytest.FixtureRequest) -> Iterator[LabServer]:
    settings = Settings(port=0, step=True)
    made = LabServer.right(settings) if request.param == "right" else LabServer.wrong("", LOOPBACK)
    with made:
        made.wait_until_serving()
        yield made


LOOPBACK = "127.0.0.1"


def held(server: LabServer) -> LabLoop:
    until(lambda: server.loop().held, "held")
    return server.loop()


def test_a_loop_makes_one_call_at_a_time(server: LabServer) -> None:
    with LabClient(server) as client:
        client.send(HELLO)
        assert client.receive(len(HELLO)) == HELLO
        server.step("hold")
        assert held(server).where
        client.send(HELLO)
        made: list[str] = []
        for _ in range(30):
            at = held(server).held
            made.append(at.partition(" ")[0])
            if made[-2:-1] == ["write"]:
                break
            before = len(server.loop().steps), server.loop().steps[-1:]
            server.step("call")
            until(lambda: (len(server.loop().steps), server.loop().steps[-1:]) != before, at)  # noqa: B023
        assert made[-2:-1] == ["write"], made
        assert {"poll", "read"} <= set(made)
        assert client.receive(len(HELLO)) == HELLO, "while it is held, its calls are made"
        assert server.figures().polls > 0, "a loop that is held answers"
        server.step("go")
        client.send(HELLO)
        assert client.receive(len(HELLO)) == HELLO


def test_a_call_that_blocks_is_named() -> None:
    with LabServer.wrong("eagain", LOOPBACK) as server:
        server.wait_until_serving()
        server.look(True)
        with LabClient(server):
            until(lambda: server.loop().doing.startswith("accept of fd"), "the blocked accept")
        server.step("hold")
        assert server.loop().held == "", "what blocks cannot be held"


def test_each_iteration_tells_who_was_woken(server: LabServer) -> None:
    server.look(True)
    with LabClient(server) as client:
        for _ in range(3):
            client.send(HELLO)
            assert client.receive(len(HELLO)) == HELLO

        def echoed() -> list[tuple[str, ...]]:
            lines = [line for each in server.loop().iterations for line in each.ready]
            return [line.states for line in lines if len(line.states) == 4]

        until(echoed, "an echo among the iterations")
        assert echoed()[0] == ("READ_LEN", "READ_BODY", "WRITE_BODY", "READ_LEN")


def test_while_it_is_held_no_figure_is_taken_and_it_heals_when_it_goes_on() -> None:
    (scenario,) = (each for each in SCENARIOS if each.name == "zero-length")
    with playing(scenario, ENGLISH) as played:
        played.start()
        until(lambda: all(side.values for side in played.figures()), "figures")
        played.look(True)
        played.step("hold")
        until(lambda: all(side.held for side in played.loops()), "both are held")
        count = taken(played)
        played.heal()
        until(lambda: "heals when" in played.figures()[1].note, "the words")
        assert not played.is_healed
        assert taken(played) == count
        played.step("go")
        until(lambda: played.is_healed, "healed")
        played.look(False)
        until(lambda: played.figures()[1].values[-1] == 0, "it serves as the right one")


def taken(played: PlayedLab) -> list[int]:
    return [len(side.values) for side in played.figures()]
