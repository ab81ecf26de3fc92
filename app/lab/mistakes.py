"""The mistake of each scenario, as the difference between the right loop and the wrong one.

A difference is written as diff(1) writes it: ``-`` before a line of the right loop that is missing,
``+`` before a line that stands there instead, a blank before a line that both have. The indentation
of the file is left out. A blank line stands between two places. `app.lab.composing` applies it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

LOOP: Final = "teaching_loop"
CONN: Final = "teaching_conn"
MOST_LINES: Final = 5
"""Lines in which a wrong loop may differ from the right one."""


class Mistake(NamedTuple):
    """A mistake in one of the two files of the right loop."""

    file: str
    """`LOOP` or `CONN`."""
    difference: str
    differs_more: str = ""
    """Why it differs in more than `MOST_LINES` lines; empty if it does not."""


MISTAKES: Final = {
    "pollout-always": Mistake(
        LOOP,
        """
- events = POLLOUT if on else POLLIN  # never both: while an echo is pending, we do not read
+ events = POLLIN | POLLOUT
""",
    ),
    "head-of-line": Mistake(
        LOOP,
        """
- sock.setblocking(False)
""",
    ),
    "partial-ignored": Mistake(
        CONN,
        """
- self.out_bytes_sent += self.sock.send(memoryview(self.out_buf)[self.out_bytes_sent :])
- if self.out_bytes_sent == len(self.out_buf):
-     self.state, self.len_bytes_read = READ_LEN, 0
+ self.sock.send(self.out_buf)
+ self.state, self.len_bytes_read = READ_LEN, 0
""",
    ),
    "edge-no-drain": Mistake(
        LOOP,
        """
- self.pfds.register(fd, POLLIN)
+ self.pfds.register(fd, POLLIN | select.EPOLLET)
""",
    ),
    "hup-ignored": Mistake(
        LOOP,
        """
- if revents & POLLHUP and conn.state == WRITE_BODY:
-     raise ConnectionResetError  # nobody is left to take the echo
+ if revents & POLLHUP:
+     return  # neither POLLIN nor POLLOUT: nothing to do
""",
    ),
    "eof-ignored": Mistake(
        CONN,
        """
- if n == 0:
-     raise ConnectionAbortedError  # the peer has ended
""",
    ),
    "no-cap": Mistake(
        CONN,
        """
- if body_len > CAP:
-     self.refuse()
- else:
-     self.in_body, self.body_bytes_read = bytearray(body_len), 0
-     self.state = READ_BODY
+ self.in_body, self.body_bytes_read = bytearray(body_len), 0
+ self.state = READ_BODY
""",
    ),
    "drain-without-budget": Mistake(
        LOOP,
        """
- conn.advance()
+ while True:  # until EAGAIN
+     conn.advance()
""",
    ),
    "o-of-n": Mistake(
        LOOP,
        """
- self.pfds = select.epoll()
+ self.pfds = select.poll()
""",
    ),
    "eagain": Mistake(
        LOOP,
        """
- self.lfd.setblocking(False)
""",
    ),
    "pollout-third": Mistake(
        LOOP,
        """
  from select import POLLHUP, POLLIN, POLLOUT
+ from time import monotonic

- for fd, revents in self.pfds.poll():
+ for C in [C for C in self.conns.values() if C.state == WRITE_BODY]:
+     if monotonic() > C.last_active + 2: self.remove_fd(C.sock.fileno())
+ for fd, revents in self.pfds.poll(1):

+ conn.last_active = monotonic()
  conn.advance()
""",
    ),
    "accept-emfile": Mistake(
        LOOP,
        """
- except OSError:  # EMFILE: once a descriptor is free, `remove_fd` has it tried again
-     self.pfds.modify(self.lfd, 0)
+ except OSError:  # EMFILE: the next poll will tell again
+     return
""",
    ),
    "ready-but-eagain": Mistake(
        LOOP,
        """
- with suppress(BlockingIOError):  # EAGAIN: the next revents says when to go on
+ with suppress(InterruptedError):  # poll said ready: every other error is the end
""",
    ),
    "nodelay": Mistake(
        LOOP,
        """
- sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
""",
    ),
    "sndbuf": Mistake(
        LOOP,
        """
  sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
+ sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
""",
    ),
    "thread-each": Mistake(
        LOOP,
        """
  from contextlib import suppress
  from select import POLLHUP, POLLIN, POLLOUT
+ from threading import Thread

- sock.setblocking(False)
+ sock.setblocking(True)
  sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
- fd = sock.fileno()
- self.conns[fd], self.events[fd] = Conn(sock), POLLIN
- self.pfds.register(fd, POLLIN)
+ Thread(target=self.serve_alone, args=(Conn(sock),), daemon=True).start()

+ def serve_alone(self, conn: Conn) -> None:  # each call blocks: its thread has no other peer
+     with suppress(OSError), conn.sock:
+         while True:
+             conn.advance()
+
  def remove_fd(self, fd: int) -> None:
""",
        "each connection is served by a function of its own thread",
    ),
    "slow-callback": Mistake(
        CONN,
        """
  import socket
+ from time import sleep

  self.state = WRITE_BODY
+ sleep(len(self.in_body) / 100_000)  # a callback: a log, a disk, a name server
""",
    ),
    "shared-buffer": Mistake(
        CONN,
        """
  CAP = 1 << 20  # bytes of the largest body
+ BUFFER = bytearray(CAP)  # one for all, as nobody wants to allocate for each frame

- self.in_body, self.body_bytes_read = bytearray(body_len), 0
+ self.in_body, self.body_bytes_read = memoryview(BUFFER)[:body_len], 0
""",
    ),
    "zero-length": Mistake(
        CONN,
        """
- if self.body_bytes_read < len(self.in_body):  # else recv would return 0, as at the end
-     self.body_bytes_read += self.recv(self.in_body, self.body_bytes_read)
+ self.body_bytes_read += self.recv(self.in_body, self.body_bytes_read)
""",
    ),
    "close-unread": Mistake(
        CONN,
        """
- self.sock.shutdown(socket.SHUT_WR)  # a FIN, behind all echoes: a close now would be a RST
- self.state = DISCARD
+ raise ConnectionAbortedError  # nothing more is wanted from such a peer: close
""",
    ),
    "dual-stack": Mistake(
        LOOP,
        """
- self.lfd = socket.create_server((host, port), family=family, dualstack_ipv6=is_v6)
+ self.lfd = socket.create_server((host, port), family=family)
""",
    ),
}
"""By the names of the scenarios."""
