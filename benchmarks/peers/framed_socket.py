"""The echo of one connection in blocking calls, shared by the peers that give each its own stack.

gevent's sockets have the same methods, so the same function serves them.
"""

from __future__ import annotations

import contextlib
import socket
import struct

from benchmarks.peers.serving import HEADER

RECEIVE = 256 * 1024
"""Bytes asked of one recv: as much as asyncio asks."""

body_length = struct.Struct(">I").unpack_from


def echo_until_eof(sock: socket.socket) -> None:
    """Echo each frame once it is complete, frames that arrive together in one sendall."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(ConnectionError), sock:
        held = bytearray()
        needed = 0  # bytes that `held` must hold before another look pays
        while data := sock.recv(RECEIVE):
            received: bytes | bytearray = data
            if held:
                held += data
                if len(held) < needed:
                    continue
                received = held
            whole, needed = whole_frames(received)
            if whole == len(received):
                sock.sendall(received)
                held = bytearray()
                continue
            sock.sendall(received[:whole])
            held = bytearray(received[whole:])


def whole_frames(data: bytes | bytearray) -> tuple[int, int]:
    """Bytes of `data` in whole frames, and bytes that the frame after them needs to go on."""
    whole = 0
    end = HEADER
    while end <= len(data):
        end += body_length(data, whole)[0]
        if end > len(data):
            break
        whole = end
        end += HEADER
    return whole, end - whole
