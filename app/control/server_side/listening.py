"""The socket at which a server takes its control clients: a private file.

A file that is in the way is replaced only if it is a socket of ours at which nobody listens. So
that this can be told, the socket listens before its file appears: it is bound under another name
and renamed. Two servers that start at once take turns by a lock on the directory.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ...core.printable import reason_of
from ..address import (
    LONGEST_PATH,
    SUFFIX,
    AddressError,
    InUse,
    is_alive,
    make_private,
    require_trusted,
)

BACKLOG: Final = 64
LOCK_WITHIN: Final = 1.0
"""Seconds to wait for another server that is just starting."""
ROOM_WITHIN: Final = 0.3
"""Seconds to wait for a server that is just stopping: its port is free a moment earlier."""
_NEW: Final = 3
"""Bytes of the random name under which the socket is bound: ``.`` and their hex digits."""


class SocketFile:
    """A listening Unix socket and its file. Any thread may call its methods."""

    def __init__(self, path: Path) -> None:
        """Bind and listen. Raises `AddressError`."""
        self.path = path.absolute()
        directory = self.path.parent
        longest = max(len(os.fsencode(self.path)), len(os.fsencode(directory)) + 2 + 2 * _NEW)
        if longest > LONGEST_PATH:
            raise AddressError(f"{path}: {longest - LONGEST_PATH} bytes too long for a socket")
        if not directory.exists():
            make_private(directory)
        require_trusted(directory)
        try:
            with _locked(directory):
                _make_room(self.path)
                self.listener = _bind(self.path)
                found = self.path.lstat()
        except OSError as error:
            raise AddressError(f"{path}: {reason_of(error)}") from None
        self._identity: tuple[int, int] | None = (found.st_dev, found.st_ino)

    def close(self) -> None:
        """Remove the file, unless another one has taken its place, and close the socket.

        The file goes first: a server that starts waits for one that still listens, and replaces
        the file of one that does not.
        """
        # Once only: a file system may give the inode number to the file of the next server.
        identity, self._identity = self._identity, None
        try:
            found = self.path.lstat()
            if (found.st_dev, found.st_ino) == identity:
                self.path.unlink()
        except FileNotFoundError:
            pass  # somebody has removed it
        self.listener.close()


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Take turns with other servers that start here.

    Whoever may read the directory may hold the lock for ever: after `LOCK_WITHIN` we go on.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + LOCK_WITHIN
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    break
                time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


def _make_room(path: Path) -> None:
    """Make sure that a socket may appear at `path`; what may be replaced is left in place."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise AddressError(f"{path} exists and is no socket: it is left alone; choose another path")
    if found.st_uid != os.geteuid():
        raise AddressError(f"{path} belongs to another user: choose another path")
    deadline = time.monotonic() + ROOM_WITHIN
    while is_alive(path):
        if time.monotonic() < deadline:
            time.sleep(0.02)
            continue
        raise InUse(
            f"{path}: another server listens there: choose another path, or `none`"
            " (--control PATH|none)"
        )


def _bind(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    # A name that nobody has: bind(2) makes the file, and fails if there is one.
    new = path.with_name(f".{secrets.token_hex(_NEW)}")
    is_bound = False
    try:
        # Linux gives the file the mode of the socket; elsewhere chmod does, before anyone listens.
        os.fchmod(listener.fileno(), 0o600)
        listener.bind(os.fspath(new))
        is_bound = True
        new.chmod(0o600)
        listener.listen(BACKLOG)
        new.rename(path)
    except BaseException:
        listener.close()
        if is_bound:
            new.unlink(missing_ok=True)
        raise
    return listener


def sweep(directory: Path) -> None:
    """Remove the sockets that killed servers have left in the private runtime directory."""
    with _locked(directory):
        for path in directory.glob(f"*{SUFFIX}"):
            try:
                if stat.S_ISSOCK(path.lstat().st_mode) and not is_alive(path):
                    path.unlink()
            except FileNotFoundError:
                continue  # a server that stops at this moment has removed its own: it takes no lock
