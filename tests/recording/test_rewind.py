"""The past of a dashboard: kept within a bound, opened as a recording, forgotten at the end."""

from __future__ import annotations

import os
from pathlib import Path

from app.core.events import Event, Opened
from app.core.settings import KIB
from app.recording.rewind import Rewind
from app.watch.stream import Drained
from tests.making import NOW, listening, opened, snapshot
from tests.waiting import until


def told(*events: Event, afresh: bool = False) -> Drained:
    return Drained(list(events), [], None, 0, afresh=afresh)


def folder_of(rewind: Rewind) -> Path:
    return Path(rewind._folder.name)


def ids(rewind: Rewind) -> set[int]:
    recording = rewind.open()
    if recording is None:
        return set()
    with recording:
        items = recording.items(0.0, NOW * 2)
        return {item.event.id for item in items if isinstance(item.event, Opened)}


def test_what_was_told_can_be_opened_while_more_comes() -> None:
    rewind = Rewind(64 * KIB, lambda: NOW)
    try:
        rewind.hear(told(listening(), opened(1)))
        until(lambda: ids(rewind) == {1}, "the first")
        rewind.hear(told(opened(2)))
        until(lambda: ids(rewind) == {1, 2}, "the second")
    finally:
        rewind.close()


def test_another_server_begins_anew() -> None:
    rewind = Rewind(64 * KIB, lambda: NOW)
    try:
        rewind.hear(told(listening(), opened(1)))
        until(lambda: ids(rewind) == {1}, "the first")
        rewind.hear(told(listening(), opened(7), afresh=True))
        until(lambda: ids(rewind) == {7}, "the other")
    finally:
        rewind.close()


def test_what_was_of_another_server_gives_its_memory_back() -> None:
    rewind = Rewind(64 * KIB, lambda: NOW)
    try:
        for number in (1, 2, 3):
            rewind.hear(told(listening(), opened(number), afresh=True))
            until(lambda: ids(rewind) == {number}, "the next")  # noqa: B023
        assert {file.name.rstrip(".0123456789") for file in folder_of(rewind).iterdir()} == {
            "lock", "past"
        }  # fmt: skip
        assert len({file.name[:5] for file in folder_of(rewind).glob("past*")}) == 1
    finally:
        rewind.close()


def test_the_next_dashboard_removes_what_a_killed_one_has_left() -> None:
    """A lock that nobody holds is that of a process which is gone."""
    living = Rewind(64 * KIB, lambda: NOW)
    killed = Rewind(64 * KIB, lambda: NOW)
    left = folder_of(killed)
    killed._recorder.stop()
    os.close(killed._lock)  # as the kernel does it at the end of a process
    other = Rewind(64 * KIB, lambda: NOW)
    try:
        assert not left.exists()
        assert folder_of(living).exists()
        assert folder_of(other).exists()
    finally:
        killed._folder.cleanup()
        living.close()
        other.close()


def test_it_stays_within_its_bound_and_gives_all_back() -> None:
    rewind = Rewind(64 * KIB, lambda: NOW)
    folder = folder_of(rewind)
    try:
        rewind.hear(told(listening(), opened(1)))
        for number in range(12):
            shown = [snapshot(one, frames=number * one) for one in range(1, 60)]
            rewind.hear(Drained([opened(100 + number)], shown, None, 0))
            until(lambda: not rewind._stream.depth, "it is taken")
        kept = sum(each.stat().st_size for each in folder.iterdir())
        assert kept <= 2 * 64 * KIB
    finally:
        rewind.close()
    assert not folder.exists()
