"""stdin, stdout and stderr as the program was given them: closed, full, or of a narrow encoding."""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
from typing import Final, TextIO

_UNWRITABLE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def open_what_is_closed() -> None:
    """Put /dev/null in the place of a standard stream that is closed.

    The next socket would have its descriptor else, and Python has None for the stream.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(descriptor, True)
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))


def print_whatever_the_encoding() -> None:
    """Escape what the encoding of stdout does not have: a result must not be lost for a bar."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def unwritable(error: OSError) -> str:
    """Why an output takes nothing more, in words; empty if the error is about something else."""
    if error.errno not in _UNWRITABLE:
        return ""
    return f"the output cannot be written: {error.strerror}: choose another place for it"


def flush() -> str:
    """Write out what is buffered while a failure can still be dealt with; what failed, in words.

    The interpreter's own flush at exit would fail too, and turn any exit code into 120. A reader
    that has seen enough is no failure, and a terminal that is gone neither.
    """
    complaint = ""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            if not is_terminal_lost(error, stream):
                complaint = unwritable(error) or complaint
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())
    return complaint


def is_terminal_lost(error: OSError, stream: TextIO) -> bool:
    """Whether `error` is what a `stream` meets whose terminal is gone."""
    # isatty(3) asks the terminal, and of one that is gone gets EIO: no terminal.
    return error.errno == errno.EIO and stat.S_ISCHR(os.fstat(stream.fileno()).st_mode)
