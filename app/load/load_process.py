"""One process of the load generator; its command line gives its share of the plan as JSON.

It connects, says `Opening` meanwhile and then `Ready`, waits for a ``g`` (go) on stdin, and says
`Progress` and in the end `Outcome`, a JSON line each. Anything else on stdin, or its end, asks for
the end; so no process is left behind when the one that started it is gone.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import Final

import msgspec

from ..core.settings import SettingError
from .connecting import Connecting, allow_files
from .frame_loop import FrameLoop
from .generator import Generator
from .load_plan import LoadShare
from .outcome import Message, Outcome, Ready
from .profiles import misbehave

GO: Final = b"g"
STOP: Final = b"s"
CONTROL: Final = 0
"""The descriptor that tells to go and to stop: stdin."""


def tell(message: Message) -> None:
    """Write one line to stdout."""
    line = memoryview(msgspec.json.encode(message) + b"\n")
    while line:
        line = line[os.write(sys.stdout.fileno(), line) :]


def main() -> None:
    """Do the share that the command line gives."""
    try:
        _run()
    except BrokenPipeError:
        sys.exit(1)  # the one who would have been told is gone


def _run() -> None:
    share = msgspec.json.decode(sys.argv[1], type=LoadShare)
    try:
        allow_files(share.connections or sum(clients for _, clients in share.profiles))
        reel = FrameLoop(share.sizes, share.depth, share.seed)
    except SettingError as error:
        tell(Ready(0, {}, refusal=str(error)))
        return
    tell(_misbehaving(share, reel) if share.profiles else _measuring(share, reel))


def _measuring(share: LoadShare, reel: FrameLoop) -> Outcome:
    connecting = Connecting(share, CONTROL, tell)
    connecting.run()
    tell(Ready(len(connecting.opened), dict(connecting.failures)))
    if not _told_to_go():
        for sock in connecting.opened.values():
            sock.close()
        return Outcome()
    return Generator(share, reel, connecting.opened, CONTROL, tell).run()


def _misbehaving(share: LoadShare, reel: FrameLoop) -> Outcome:
    tell(_one_connection(share))
    return misbehave(share, reel, CONTROL, tell) if _told_to_go() else Outcome()


def _one_connection(share: LoadShare) -> Ready:
    """Whether the server is there at all."""
    with socket.socket(share.family, socket.SOCK_STREAM) as sock:
        sock.settimeout(share.timeout)
        try:
            sock.connect(share.address)
        except OSError as error:
            return Ready(0, {error.strerror or "timed out": 1})
    return Ready(1, {})


def _told_to_go() -> bool:
    return os.read(CONTROL, 1) == GO
