"""gevent: a greenlet per connection, blocking calls on top of its event loop."""

from __future__ import annotations

import contextlib
import socket

from gevent.server import StreamServer

from benchmarks.peers.framed_socket import echo_until_eof
from benchmarks.peers.serving import BACKLOG, announce, arguments


def handle(sock: socket.socket, _peer: tuple[str, int]) -> None:
    echo_until_eof(sock)


def main(host: str, port: int) -> None:
    server = StreamServer((host, port), handle, backlog=BACKLOG)
    server.start()
    announce(server.server_host, server.server_port)
    server.serve_forever()


if __name__ == "__main__":
    options = arguments(__doc__)
    with contextlib.suppress(KeyboardInterrupt):
        main(options.host, options.port)
