"""The answers to commands: behind what was done, and with the process that asked."""

from __future__ import annotations

import pytest

from app.core.commands import Kill, Set
from app.core.events import Closed, CommandResult, SettingChanged
from tests.server.crowd import Serve


@pytest.mark.parametrize("workers", [0, 2])
def test_an_answer_comes_after_what_was_done_and_names_who_asked(
    serve: Serve, workers: int
) -> None:
    by = {"by_pid": 4711, "by_name": "operator"}
    running = serve(workers=workers)
    _, connection_id = running.connect_known()
    assert running.submit(Kill, ids=(connection_id,), **by).ok
    assert running.submit(Set, name="cap", value=64, **by).ok
    assert not running.submit(Set, name="cap", value=0, **by).ok
    assert not running.submit(Kill, ids=(connection_id,), **by).ok
    told = [e for e in running.watcher.events if isinstance(e, CommandResult | SettingChanged)]
    assert [(e.by_pid, e.by_name) for e in told] == [(4711, "operator")] * 5
    kinds = [type(e) for e in running.watcher.events]
    assert kinds.index(Closed) < kinds.index(CommandResult)
    assert kinds.index(SettingChanged) < kinds.index(CommandResult, kinds.index(CommandResult) + 1)
