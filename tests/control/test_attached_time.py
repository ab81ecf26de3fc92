"""The time that an attached dashboard takes to be the server's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from app.control.client_side.attached_source import SILENCE
from app.control.protocol import News
from tests.control.test_source import Attached, attached, page


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Attached]:
    with attached(tmp_path / "s") as found:
        yield found


def test_time_stands_still_when_the_server_is_silent(one: Attached) -> None:
    one.server.say(page(1))
    one.until(lambda drained: drained.afresh)
    start = one.source.now()
    one.clock.time += 1.0
    assert one.source.now() == start + 1.0
    assert not one.source.drain().gone
    one.clock.time += 59.0
    assert one.source.now() == start + SILENCE
    assert one.source.drain().gone == "the server has said nothing for 60 s"
    one.server.say(News(t=start + 60.0))
    one.until(lambda drained: not drained.gone)
    assert one.source.now() == start + 60.0


def test_a_clock_that_was_set_while_nothing_was_read_is_followed(one: Attached) -> None:
    """The notice is among the events that a slow dashboard missed."""
    one.server.say(page(1))
    one.until(lambda drained: drained.afresh)
    assert one.source.now() == 1000.0
    one.server.say(msgspec.structs.replace(page(1, missed=9), t=1000.0 - 3600.0))
    one.until(lambda drained: drained.afresh)
    assert one.source.now() == 1000.0 - 3600.0
