"""Writes to a lost terminal."""

from __future__ import annotations

import errno
import io

from textual.drivers._writer_thread import WriterThread

from app.ui.terminal import Output


class Gone(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.EIO, "gone")


def test_nobody_waits_for_a_terminal_that_has_gone() -> None:
    losses: list[str] = []
    thread = WriterThread(Output(Gone(), lambda: losses.append("lost")))  # type: ignore[arg-type]
    thread.start()
    for _ in range(1000):  # far more than Textual's queue holds
        thread.write("x")
    thread.stop()
    assert losses == ["lost"]


def test_what_is_written_arrives_while_there_is_a_terminal() -> None:
    file = io.StringIO()
    output = Output(file, lambda: None)
    output.write("seen")
    output.flush()
    assert file.getvalue() == "seen"
