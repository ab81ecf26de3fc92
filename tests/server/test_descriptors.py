"""The descriptor limit and the connections under it: at the start, and when it is raised."""

from __future__ import annotations

import resource
from collections.abc import Callable

import pytest

from app.core.commands import Set
from app.core.events import Closed, Listening, Notice, Reason, SettingChanged
from app.core.framing import frame
from app.core.settings import SettingError, Settings
from app.server.descriptors import KEPT_BACK, RESERVED_DESCRIPTORS
from app.server.server import Server
from app.watch.stream import EventStream
from tests.peers import Running, exchange

Serve = Callable[..., Running]


def test_the_descriptor_limit_is_raised_to_what_is_wanted(
    descriptor_limit: Callable[[int, int], None],
) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    descriptor_limit(256, hard)
    running = Running(max_connections=500).start()
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 500 + RESERVED_DESCRIPTORS
    assert running.watcher.wait_for(Listening).max_connections == 500
    running.end()


def test_select_lowers_the_limit_with_a_note(serve: Serve) -> None:
    listening = serve(poller="select", max_connections=5000).watcher.wait_for(Listening)
    assert listening.max_connections == 1024 - RESERVED_DESCRIPTORS
    assert listening.notes == (
        "--max-connections 5,000 lowered to 960: select takes 1,024 descriptors",
    )


@pytest.mark.parametrize(
    ("limit", "outcome"),
    [(100, 100 - RESERVED_DESCRIPTORS), (RESERVED_DESCRIPTORS, "the descriptor limit is 64")],
)
def test_a_descriptor_limit_that_cannot_be_raised(
    monkeypatch: pytest.MonkeyPatch, limit: int, outcome: int | str
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (limit, limit))
    if isinstance(outcome, str):
        with pytest.raises(SettingError, match=outcome):
            Server(Settings(port=0), EventStream())
        return
    running = Running(max_connections=500).start()
    listening = running.watcher.wait_for(Listening)
    assert listening.max_connections == outcome
    assert listening.notes[0].endswith("the descriptor limit is 100")
    running.end()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("asked", "ok", "now", "says"),
    [
        (100, True, 100, "50 → 100"),
        (5000, True, 236, "50 → 236; --max-connections 5,000 lowered to 236"),
        (20, True, 20, "50 → 20"),
    ],
)
def test_a_higher_limit_at_run_time_is_fitted_as_at_the_start(
    monkeypatch: pytest.MonkeyPatch, workers: int, asked: int, ok: bool, now: int, says: str
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (300, 300))
    running = Running(max_connections=50, workers=workers).start()
    result = running.submit(Set, name="max_connections", value=asked)
    assert (result.ok, says in result.message) == (ok, True), result.message
    changed = running.watcher.wait_for(SettingChanged)
    assert changed.new == now
    notes = [event.text for event in running.watcher.all(Notice) if "lowered" in event.text]
    assert len(notes) == (asked > 300)
    running.end()


def test_a_higher_limit_that_does_not_fit_at_all_is_refused_and_a_lower_one_never_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running = Running(max_connections=50).start()
    for limit, why in ((114, "it stays at 50"), (10, "the descriptor limit is 10")):
        monkeypatch.setattr(resource, "getrlimit", lambda _which, limit=limit: (limit, limit))
        result = running.submit(Set, name="max_connections", value=60)
        assert not result.ok
        assert why in result.message
    assert running.submit(Set, name="max_connections", value=40).ok
    running.end()


def test_the_last_descriptors_are_kept_for_who_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running().start()
    first, _ = running.connect_known()
    assert exchange(first, [frame(b"")], 4) == frame(b"")  # the loop accepts no more just now
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (KEPT_BACK, 100_000))
    refused = running.connect()
    assert refused.recv(1) == b""
    closed = running.watcher.wait_for(Closed)
    assert (closed.reason, closed.detail) == (
        Reason.LIMIT,
        f"the last {KEPT_BACK} descriptors are kept for control, metrics and the log",
    )
    assert exchange(first, [frame(b"still")], 9) == frame(b"still")
    running.end()
