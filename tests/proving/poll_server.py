"""A small poll(2) server with the source document's structure, right or with one named bug.

``python poll_server.py BUG PORT_FILE`` serves on a free port of 127.0.0.1, which it writes there.
"""

from __future__ import annotations

import os
import select
import socket
import sys

CAP = 1 << 20
BUGS = ("one_recv", "zero_is_end", "short_write", "no_cap", "pollout_on", "drops_at_end", "dies")


class Connection:
    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = b""  # received, and not echoed
        self.out = b""
        self.ended = False


class PollServer:
    def __init__(self, bug: str) -> None:
        self.bug = bug
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.listener.setblocking(False)
        self.poll = select.poll()
        self.poll.register(self.listener, select.POLLIN)
        self.connections: dict[int, Connection] = {}

    def serve(self) -> None:
        while True:
            for fd, ready in self.poll.poll():
                if fd == self.listener.fileno():
                    self.accept()
                elif ready & select.POLLRDHUP and self.bug == "drops_at_end":
                    self.close(self.connections[fd])
                elif fd in self.connections:
                    self.serve_one(self.connections[fd])

    def accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except BlockingIOError:
                return
            sock.setblocking(False)
            self.connections[sock.fileno()] = Connection(sock)
            self.poll.register(sock, select.POLLIN | select.POLLRDHUP)

    def serve_one(self, one: Connection) -> None:
        try:
            if not one.out and not one.ended:
                self.read(one)
            self.write(one)
        except BlockingIOError:
            pass
        except OSError:
            if self.bug == "dies":
                raise
            self.close(one)
            return
        if one.ended and not one.out:
            self.close(one)
        elif one.sock.fileno() >= 0:
            is_armed = one.out or self.bug == "pollout_on"
            reads = 0 if one.out or one.ended else select.POLLIN
            if not one.ended:  # a FIN that was read is reported for ever
                reads |= select.POLLRDHUP
            self.poll.modify(one.sock, reads | (select.POLLOUT if is_armed else 0))

    def read(self, one: Connection) -> None:
        data = one.sock.recv(1 << 16)
        if not data:
            one.ended = True
            return
        if self.bug == "one_recv":
            if len(data) >= 4 and len(data) == 4 + int.from_bytes(data[:4], "big"):
                one.out += data
            else:
                one.ended = True
            return
        one.buffer += data
        while len(one.buffer) >= 4:
            size = int.from_bytes(one.buffer[:4], "big")
            if size > CAP and self.bug != "no_cap":
                one.ended, one.buffer = True, b""
                return
            if size == 0 and self.bug == "zero_is_end":
                one.ended, one.buffer = True, b""
                return
            if len(one.buffer) < 4 + size:
                return
            one.out += one.buffer[: 4 + size]
            one.buffer = one.buffer[4 + size :]

    def write(self, one: Connection) -> None:
        if one.out:
            count = one.sock.send(one.out)
            one.out = b"" if self.bug == "short_write" else one.out[count:]

    def close(self, one: Connection) -> None:
        fd = one.sock.fileno()
        self.poll.unregister(fd)
        del self.connections[fd]
        one.sock.close()


def main() -> None:
    server = PollServer(sys.argv[1])
    written = f"{sys.argv[2]}.new"
    with open(written, "w", encoding="ascii") as file:
        file.write(str(server.listener.getsockname()[1]))
    os.replace(written, sys.argv[2])
    server.serve()


if __name__ == "__main__":
    main()
