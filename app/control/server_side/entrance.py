"""Open the control socket that ``--control`` of a server asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..address import (
    AddressError,
    InUse,
    default_path,
    make_private,
    runtime_directory,
)
from .listening import SocketFile, sweep

NONE: Final = "none"
"""The value of ``--control`` that switches the control socket off."""


def open_entrance(control: str | None, port: int) -> tuple[SocketFile | None, str]:
    """Open the control socket of a server on `port`; the text says why a default one is missing.

    Raises `AddressError` for a socket that was asked for and cannot be had, and for a default one
    at which another server listens.
    """
    if control == NONE:
        return None, ""
    if control is not None and not control.isdecimal():
        return SocketFile(Path(control)), ""
    try:
        make_private(runtime_directory())
        sweep(runtime_directory())
        return SocketFile(default_path(port if control is None else int(control))), ""
    except InUse:
        raise
    except (AddressError, OSError) as error:
        if control is not None:
            raise AddressError(f"--control {control}: {error}") from None
        return None, f"no control socket: {error}"
