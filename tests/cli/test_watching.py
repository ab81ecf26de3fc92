"""What `ctl watch` prints of what a server tells."""

from __future__ import annotations

import json

from app.cli.ctl.watching import Watcher
from app.control.protocol import News
from app.core.events import Notice
from tests.making import NOW


def test_a_step_of_the_clock_is_told_once_however_many_workers_there_are() -> None:
    steps = [
        Notice(t=NOW, level="warning", text="it went", clock_step=60.0, worker=worker)
        for worker in (1, 0, 3, 2)
    ]
    other = Notice(t=NOW, level="info", text="of a worker", worker=2)
    watcher = Watcher((Notice,), None)
    lines = list(watcher.lines(News(t=NOW, events=(*steps, other))))
    assert [json.loads(line)["text"] for line in lines] == ["it went", "of a worker"]
