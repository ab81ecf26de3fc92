"""What ``--control`` of a server means: a listening socket, who may come in, and its removal."""

from __future__ import annotations

import importlib
import socket
from pathlib import Path
from typing import Final

from ..address import (
    AddressError,
    InUse,
    default_path,
    make_private,
    parse_tcp,
    runtime_directory,
)
from .listening import SocketFile, listen_on_tcp, sweep
from .owner import OwnerGate
from .session import Gate

NONE: Final = "none"
"""What switches the control socket off."""


class Entrance:
    """A listening control socket and what belongs to it."""

    def __init__(self, listener: socket.socket, gate: Gate, file: SocketFile | None = None) -> None:
        self.listener = listener
        self.gate = gate
        self._file = file

    def close(self) -> None:
        """Close the socket and remove its file."""
        if self._file is not None:
            self._file.remove()
        self.listener.close()


def open_entrance(
    control: str | None, token_file: Path | None, port: int
) -> tuple[Entrance | None, str]:
    """The entrance of a server on `port`, and why there is none where one would be by default.

    What was asked for and cannot be had is an `AddressError`; so is a default socket at which
    another server listens.
    """
    tcp = None if control is None else parse_tcp(control)
    if token_file is not None and tcp is None:
        raise AddressError("--control-token-file is for --control tcp://127.0.0.1:PORT only")
    if control == NONE:
        return None, ""
    if tcp is not None:
        if token_file is None:
            raise AddressError(f"--control {tcp} needs a token: name its --control-token-file")
        # Only who needs it pays for the import of hmac and hashlib.
        token = importlib.import_module("..token", __package__)
        gate = token.TokenGate(token.read_token(token_file))
        return Entrance(listen_on_tcp(tcp), gate), ""
    if control is not None and not control.isdecimal():
        return _at(Path(control)), ""
    try:
        make_private(runtime_directory())
        sweep(runtime_directory())
        return _at(default_path(port if control is None else int(control))), ""
    except InUse:
        raise
    except (AddressError, OSError) as error:
        if control is not None:
            raise AddressError(f"--control {control}: {error}") from None
        return None, f"no control socket: {error}"


def _at(path: Path) -> Entrance:
    file = SocketFile(path)
    return Entrance(file.listener, OwnerGate(), file)
