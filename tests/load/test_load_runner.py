"""The process that runs a load: a stop at every moment."""

from __future__ import annotations

import os

from app.load.load_process import STOP
from app.load.load_runner import LoadWorker


def test_a_stop_while_the_workers_are_closed_one_by_one_is_ignored() -> None:
    worker = LoadWorker.__new__(LoadWorker)
    read, write = os.pipe()
    worker._stdin = os.fdopen(write, "wb", buffering=0)
    worker._stdin.close()
    worker.send(STOP)
    assert os.read(read, 1) == b""
    os.close(read)
