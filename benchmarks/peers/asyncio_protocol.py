"""An asyncio Protocol; with `--loop uvloop` the bare uvloop Protocol that we measure against."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import cast

from benchmarks.peers.serving import BACKLOG, HEADER, announce_server, arguments, run

HIGH_WATER = 4 * 1024 * 1024
"""Bytes of unsent echo at which reading stops: enough that only a slow reader meets it."""

body_length = struct.Struct(">I").unpack_from


class Echo(asyncio.Protocol):
    """Frames that arrive together leave together; a large frame is gathered in a bytearray.

    Tried for bodies of 1 MB on uvloop, and slower: chunks in a list, joined (0.3 times the
    frames a second) or passed to `writelines` (0.5).
    """

    __slots__ = ("buffer", "needed", "transport")

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.needed = 0  # bytes that `buffer` must hold before another look pays

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport has the methods of asyncio.Transport without being one.
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=HIGH_WATER)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        received: bytes | bytearray = data
        if self.buffer:
            self.buffer += data
            if len(self.buffer) < self.needed:
                return
            received = self.buffer
        size = len(received)
        whole = 0
        end = HEADER
        while end <= size:
            end += body_length(received, whole)[0]
            if end > size:
                break
            whole = end
            end += HEADER
        if whole == size:
            self.transport.write(received)
            if received is self.buffer:
                self.buffer = bytearray()  # the old one is the transport's now
            return
        self.needed = end - whole
        if whole:
            self.transport.write(received[:whole])
            self.buffer = bytearray(received[whole:])
        elif received is not self.buffer:
            self.buffer = bytearray(received)

    def pause_writing(self) -> None:
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.transport.resume_reading()


async def main(host: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, host, port, backlog=BACKLOG)
    announce_server(server)
    await server.serve_forever()


if __name__ == "__main__":
    options = arguments(__doc__, loops=True)
    run(main(options.host, options.port), options.loop)
