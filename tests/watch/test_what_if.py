"""What another CAP would mean, in words."""

from __future__ import annotations

from app.core.events import ConnectionState, Event
from app.watch.screen_state import BODIES_LIMIT, ScreenState
from app.watch.stream import Drained
from app.watch.what_if import effect_of_cap
from tests.making import NOW, listening, loop_stats, opened, snapshot


def model(*events: Event) -> ScreenState:
    shown = ScreenState()
    shown.apply(Drained([listening(), *map(opened, range(1, 8)), *events], [], None, 0), NOW)
    return shown


def test_without_frames_there_is_nothing_to_refuse() -> None:
    assert effect_of_cap(model(), 64, NOW) == [
        "in flight: no body being read is larger",
        "recent frames: none seen yet",
    ]


def test_bodies_in_flight_are_named_and_still_echoed() -> None:
    reading = [
        snapshot(number, ConnectionState.READ_BODY, body=(1, size))
        for number, size in enumerate((64, 65, 4096, 1024**2, 70, 71), 1)
    ]
    assert effect_of_cap(model(*reading), 64, NOW)[:2] == [
        "in flight: 5 bodies being read are larger and will still be echoed",
        "  #2 65 B, #3 4 KiB, #4 1 MiB and 2 more",
    ]
    assert effect_of_cap(model(*reading[:2]), 64, NOW)[:2] == [
        "in flight: 1 body being read is larger and will still be echoed",
        "  #2 65 B",
    ]


def test_a_frame_that_is_being_echoed_is_not_in_flight_any_more() -> None:
    writing = snapshot(1, ConnectionState.WRITE_BODY, body=(900, 900), out=(0, 904))
    assert effect_of_cap(model(writing), 64, NOW)[0] == "in flight: no body being read is larger"


def test_of_the_recent_frames_those_that_are_larger_are_counted_by_connection() -> None:
    bodies = ((1, 64),) * 6 + ((2, 65), (3, 1000), (3, 65))
    shown = model(loop_stats(NOW - 12, 9, 64, 3, bodies=bodies))
    assert effect_of_cap(shown, 64, NOW)[1:] == [
        "recent frames: 3 of 9 (33.3%) would have been refused",
        "  2 of #3, 1 of #2",
        "  seen in 12 s: median 64 B, largest 1000 B",
    ]
    assert effect_of_cap(shown, 1000, NOW)[1] == "recent frames: 0 of 9 would have been refused"


def test_one_among_thousand_is_not_told_as_none() -> None:
    bodies = ((1, 1),) * 2000 + ((2, 65),)
    shown = model(loop_stats(NOW, 9, 64, 3, bodies=bodies))
    assert len(shown.bodies) == BODIES_LIMIT
    assert effect_of_cap(shown, 64, NOW)[1].startswith("recent frames: 1 of 1,000 (0.1%) would")


def test_a_paused_screen_keeps_its_frames() -> None:
    shown = model(loop_stats(NOW, 9, 64, 3, bodies=((1, 5),)))
    frozen = shown.frozen()
    shown.apply(Drained([], [], loop_stats(NOW, 9, 64, 3, bodies=((1, 9),)), 0), NOW)
    assert (len(frozen.bodies), len(shown.bodies)) == (1, 2)
