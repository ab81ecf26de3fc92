"""One process of the load generator; its command line gives its share of the plan as JSON.

It connects and sends `Opening` messages until one `is_ready`. It waits for a ``g`` (go) on stdin,
then sends `Progress` messages and at the end an `Outcome`; each is one JSON line. Any other byte
on stdin, or its end, stops the process, so it never outlives the process that started it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from typing import Final

import msgspec

from ..core.printable import reason_of
from ..core.settings import SettingError
from .connecting import Connecting, allow_files, refuse_own_peer
from .frame_loop import FrameLoop
from .generator import Generator
from .load_plan import LoadShare
from .outcome import Message, Opening, Outcome
from .profiles import run_profiles

GO: Final = b"g"
STOP: Final = b"s"
CONTROL: Final = 0
"""The descriptor on which `GO` and `STOP` arrive: stdin."""


def send(message: Message) -> None:
    """Write one message as a line to stdout."""
    line = memoryview(msgspec.json.encode(message) + b"\n")
    while line:
        line = line[os.write(sys.stdout.fileno(), line) :]


def main() -> None:
    """Run the share that the command line gives."""
    try:
        _run()
    except BrokenPipeError:
        sys.exit(1)  # the process that reads the messages has ended


def _run() -> None:
    share = msgspec.json.decode(sys.argv[1], type=LoadShare)
    try:
        allow_files(share.connections or sum(clients for _, clients in share.profiles))
        frame_loop = FrameLoop(share.sizes, share.depth, share.seed)
    except SettingError as error:
        send(Opening(is_ready=True, refusal=str(error)))
        return
    send(_run_profiles(share, frame_loop) if share.profiles else _run_measured(share, frame_loop))


def _run_measured(share: LoadShare, frame_loop: FrameLoop) -> Outcome:
    connecting = Connecting(share, CONTROL, send)
    connecting.run()
    send(Opening(len(connecting.opened), connecting.failures, is_ready=True))
    if not _wait_for_go():
        for sock in connecting.opened.values():
            sock.close()
        return Outcome()
    return Generator(share, frame_loop, connecting.opened, CONTROL, send).run()


def _run_profiles(share: LoadShare, frame_loop: FrameLoop) -> Outcome:
    send(_one_connection(share))
    if not _wait_for_go():
        return Outcome()
    return asyncio.run(run_profiles(share, frame_loop, CONTROL, send))


def _one_connection(share: LoadShare) -> Opening:
    """Try one connection, to learn whether the server is there at all."""
    with socket.socket(share.family, socket.SOCK_STREAM) as sock:
        sock.settimeout(share.timeout)
        try:
            sock.connect(share.address)
            refuse_own_peer(sock)
        except OSError as error:
            return Opening(0, {reason_of(error): 1}, is_ready=True)
    return Opening(1, is_ready=True)


def _wait_for_go() -> bool:
    return os.read(CONTROL, 1) == GO
