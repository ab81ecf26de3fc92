"""asyncio streams: one coroutine a connection, `readexactly` twice a frame; also on uvloop."""

from __future__ import annotations

import asyncio
import socket

from benchmarks.peers.serving import BACKLOG, HEADER, announce_server, arguments, run


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        while True:
            header = await reader.readexactly(HEADER)
            body = await reader.readexactly(int.from_bytes(header, "big"))
            writer.write(header + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main(host: str, port: int) -> None:
    server = await asyncio.start_server(echo, host, port, backlog=BACKLOG)
    announce_server(server)
    await server.serve_forever()


if __name__ == "__main__":
    options = arguments(__doc__, loops=True)
    run(main(options.host, options.port), options.loop)
