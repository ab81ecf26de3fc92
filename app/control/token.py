"""The token that a control client needs over TCP, where no user can be told from another."""

from __future__ import annotations

import hmac
import os
import socket
import stat
from pathlib import Path
from typing import Final

from .address import AddressError
from .protocol import Hello

SHORTEST: Final = 16
LONGEST: Final = 1024


def read_token(path: Path) -> str:
    """The token in a file that only its owner may read. Raises `AddressError`."""
    name = f"--control-token-file {path}"
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            text = file.read(LONGEST + 2)
    except OSError as error:
        raise AddressError(f"{name}: {error.strerror}") from None
    if stat.S_ISREG(found.st_mode) and found.st_mode & 0o077:
        raise AddressError(f"{name}: others may read it: chmod 600 {path}")
    token = text.strip().decode("utf-8", "replace")
    if not SHORTEST <= len(token) <= LONGEST or not token.isprintable():
        raise AddressError(f"{name}: a token is a line of {SHORTEST} to {LONGEST:,} characters")
    return token


class TokenGate:
    """Lets in whoever knows the token."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def on_connect(self, sock: socket.socket) -> str:
        """Anybody on this machine may try."""
        return ""

    def on_hello(self, hello: Hello) -> str:
        """An objection to a wrong token, found in the same time whichever it is."""
        if hmac.compare_digest(hello.token.encode(), self._token):
            return ""
        return "the token is not the server's: give its file with --control-token-file"
