"""The lab's teaching loop: the source document's server (sections 6, 7, 9, 10), mended."""

import select
import socket
from contextlib import suppress
from select import POLLHUP, POLLIN, POLLOUT

from .teaching_conn import WRITE_BODY, Conn


class EchoLoop:
    def __init__(self, host: str, port: int) -> None:
        is_v6 = ":" in host
        family = socket.AF_INET6 if is_v6 else socket.AF_INET
        self.lfd = socket.create_server((host, port), family=family, dualstack_ipv6=is_v6)
        self.lfd.listen(4096)
        self.lfd.setblocking(False)
        self.conns: dict[int, Conn] = {}
        self.events: dict[int, int] = {}
        self.pfds = select.epoll()
        self.pfds.register(self.lfd, POLLIN)

    def run(self) -> None:
        while True:
            for fd, revents in self.pfds.poll():
                if fd == self.lfd.fileno():
                    self.accept_all()
                else:
                    self.serve(fd, self.conns[fd], revents)

    def accept_all(self) -> None:
        try:
            while True:
                self.add_client(self.lfd.accept()[0])
        except BlockingIOError:  # EAGAIN: nobody waits any more
            return
        except OSError:  # EMFILE: once a descriptor is free, `remove_fd` has it tried again
            self.pfds.modify(self.lfd, 0)

    def add_client(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        fd = sock.fileno()
        self.conns[fd], self.events[fd] = Conn(sock), POLLIN
        self.pfds.register(fd, POLLIN)

    def remove_fd(self, fd: int) -> None:
        self.pfds.unregister(fd)
        self.conns.pop(fd).sock.close()
        self.pfds.modify(self.lfd, POLLIN)

    def want_writable(self, fd: int, on: bool) -> None:
        events = POLLOUT if on else POLLIN  # never both: while an echo is pending, we do not read
        if events != self.events[fd]:
            self.events[fd] = events
            self.pfds.modify(fd, events)

    def serve(self, fd: int, conn: Conn, revents: int) -> None:
        try:
            if revents & POLLHUP and conn.state == WRITE_BODY:
                raise ConnectionResetError  # nobody is left to take the echo
            with suppress(BlockingIOError):  # EAGAIN: the next revents says when to go on
                conn.advance()
            self.want_writable(fd, conn.state == WRITE_BODY)
        except OSError:
            self.remove_fd(fd)
