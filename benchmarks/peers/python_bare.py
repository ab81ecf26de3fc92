"""Measures Python and its system calls alone: an epoll loop that only reads and writes.

It has no frames, limits or counters, and a peer that does not read stops it. With small frames it
is the upper limit of an echo server in Python that makes one read and one write per wake-up, as the
C loop is the limit of the machine. With large frames it means nothing, because it echoes the bytes
of each read instead of whole bodies.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket

from benchmarks.peers.serving import arguments, listening_socket

SIZES = {479: 64 * 1024, 64 * 1024: 1024 * 1024}
"""Bytes of a read, and of those that follow one that was full. The smallest is what CPython's own
allocator holds, as in echo-tui."""


def main(host: str, port: int) -> None:
    listener = listening_socket(host, port)
    accepting = listener.fileno()
    epoll = select.epoll()
    epoll.register(accepting, select.EPOLLIN)
    sockets: dict[int, socket.socket] = {}
    read, write, poll = os.read, os.write, epoll.poll
    size = min(SIZES)
    while True:
        for fd, _ in poll():
            if fd == accepting:
                sock, _ = listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sockets[sock.fileno()] = sock
                epoll.register(sock.fileno(), select.EPOLLIN)
                continue
            try:
                data = read(fd, size)
                write(fd, data)
            except OSError:
                data = b""
            if len(data) == size:
                size = SIZES.get(size, size)
            if not data:
                epoll.unregister(fd)
                sockets.pop(fd).close()


if __name__ == "__main__":
    options = arguments(__doc__)
    with contextlib.suppress(KeyboardInterrupt):
        main(options.host, options.port)
