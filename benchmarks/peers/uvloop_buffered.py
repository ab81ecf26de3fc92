"""A BufferedProtocol on uvloop: recv goes straight into the connection's own buffer."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import cast

from benchmarks.peers.serving import BACKLOG, HEADER, announce_server, arguments, run

HIGH_WATER = 4 * 1024 * 1024
"""Bytes of unsent echo at which reading stops: enough that only a slow reader meets it."""

SMALLEST = 64 * 1024
"""Bytes of a new connection's buffer; it grows to hold the largest frame seen."""

body_length = struct.Struct(">I").unpack_from


class Echo(asyncio.BufferedProtocol):
    """Small echoes are copied out of the buffer; a large one takes the buffer with it."""

    __slots__ = ("buffer", "filled", "transport", "view")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport has the methods of asyncio.Transport without being one.
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=HIGH_WATER)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.filled = 0
        self.replace_buffer(SMALLEST, b"")

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.view[self.filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self.filled += nbytes
        filled = self.filled
        whole = 0
        end = HEADER
        while end <= filled:
            end += body_length(self.buffer, whole)[0]
            if end > filled:
                break
            whole = end
            end += HEADER
        rest = bytes(self.view[whole:filled]) if whole else b""
        if whole >= SMALLEST:
            self.transport.write(self.view[:whole])
            self.replace_buffer(len(self.buffer), rest)
        elif whole:
            self.transport.write(bytes(self.view[:whole]))
            self.buffer[: len(rest)] = rest
        elif end > len(self.buffer):
            self.replace_buffer(end, bytes(self.view[:filled]))
        self.filled = filled - whole

    def replace_buffer(self, size: int, content: bytes) -> None:
        self.buffer = bytearray(size)
        self.buffer[: len(content)] = content
        self.view = memoryview(self.buffer)

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
    options = arguments(__doc__)
    run(main(options.host, options.port), "uvloop")
