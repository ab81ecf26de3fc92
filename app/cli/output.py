"""stdin, stdout and stderr as the program was given them: closed, full, or of a narrow encoding."""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import sys
from typing import Any, Final, TextIO

from ..core.printable import reason_of

TERMINAL_PATIENCE: Final = 0.2
"""Seconds that a terminal has to take something before the last lines are kept from it."""
_UNWRITABLE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def open_closed_streams() -> None:
    """Open /dev/null in the place of each standard stream that is closed.

    Otherwise the next socket would get its descriptor, and the stream would be None in Python.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(descriptor, True)
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))


def escape_unencodable() -> None:
    """Have stdout escape characters that its encoding lacks: no result is lost for a bar."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


class _Waiting(io.FileIO):
    """An output that was given to us non-blocking, and that is waited for all the same."""

    def write(self, data: Any, /) -> int:  # any buffer
        while (written := super().write(data)) is None:
            select.select([], [self], [])
        return written


def wait_for_outputs() -> None:
    """Have stdout and stderr waited for while they take nothing, also where they are non-blocking.

    Whoever shares a pipe or a terminal with us may have made it so, for all that share it (fcntl(2)
    F_SETFL): Python's own streams raise BlockingIOError, and a part of the text is lost.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper) and not os.get_blocking(stream.fileno()):
            waiting = io.BufferedWriter(_Waiting(stream.fileno(), "w", closefd=False))
            setattr(
                sys,
                name,
                io.TextIOWrapper(
                    waiting,
                    stream.encoding,
                    stream.errors,
                    line_buffering=stream.line_buffering,
                    write_through=stream.write_through,
                ),
            )


def explain_unwritable(error: OSError) -> str:
    """Return why an output accepts nothing more; empty if the error is about something else."""
    if error.errno not in _UNWRITABLE:
        return ""
    return f"the output cannot be written: {reason_of(error)}: choose another place for it"


def mute_stuck_terminals() -> None:
    """Redirect stdout and stderr to /dev/null where they are terminals that take nothing.

    So a last line for a person delays no end.
    """
    for descriptor in (1, 2):
        if os.isatty(descriptor) and not _takes_something(descriptor):
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), descriptor)


def _takes_something(descriptor: int) -> bool:
    waiting = select.poll()
    waiting.register(descriptor, select.POLLOUT)
    return bool(waiting.poll(TERMINAL_PATIENCE * 1000))


def flush_streams() -> str:
    """Flush stdout and stderr, and return why one cannot be written; empty if all is well.

    The interpreter's own flush at exit would fail too, and turn any exit code into 120. A pipe
    whose reader has gone is no failure, and neither is a terminal that is gone.
    """
    complaint = ""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            if not is_terminal_lost(error, stream):
                complaint = explain_unwritable(error) or complaint
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())
    return complaint


def is_terminal_lost(error: OSError, stream: TextIO) -> bool:
    """Return whether `error` is the one that writing to a `stream` without its terminal raises."""
    # isatty(3) asks the terminal: for one that is gone it says that there is none.
    return error.errno == errno.EIO and stat.S_ISCHR(os.fstat(stream.fileno()).st_mode)
