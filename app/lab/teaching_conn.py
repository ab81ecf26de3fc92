"""One connection of the lab's teaching loop, and its states (source document, sections 8, 10)."""

import socket

CAP = 1 << 20  # bytes of the largest body
READ_LEN, READ_BODY, WRITE_BODY, DISCARD = "READ_LEN", "READ_BODY", "WRITE_BODY", "DISCARD"


class Conn:
    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.state = sock, READ_LEN
        self.len_buf, self.len_bytes_read = bytearray(4), 0
        self.in_body, self.body_bytes_read = bytearray(), 0
        self.out_buf, self.out_bytes_sent = bytearray(), 0

    def advance(self) -> None:  # one frame at most; raises OSError: EAGAIN, or the end
        if self.state == READ_LEN:
            self.len_bytes_read += self.recv(self.len_buf, self.len_bytes_read)
            if self.len_bytes_read == 4:
                body_len = int.from_bytes(self.len_buf, "big")
                if body_len > CAP:
                    self.refuse()
                else:
                    self.in_body, self.body_bytes_read = bytearray(body_len), 0
                    self.state = READ_BODY
        if self.state == READ_BODY:
            if self.body_bytes_read < len(self.in_body):  # else recv would return 0, as at the end
                self.body_bytes_read += self.recv(self.in_body, self.body_bytes_read)
            if self.body_bytes_read == len(self.in_body):
                self.out_buf, self.out_bytes_sent = self.len_buf + self.in_body, 0
                self.state = WRITE_BODY
        if self.state == WRITE_BODY:
            self.out_bytes_sent += self.sock.send(memoryview(self.out_buf)[self.out_bytes_sent :])
            if self.out_bytes_sent == len(self.out_buf):
                self.state, self.len_bytes_read = READ_LEN, 0
        if self.state == DISCARD:
            self.recv(bytearray(4096), 0)

    def recv(self, buf: bytearray, done: int) -> int:
        n = self.sock.recv_into(memoryview(buf)[done:])
        if n == 0:
            raise ConnectionAbortedError  # the peer has ended
        return n

    def refuse(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)  # a FIN, behind all echoes: a close now would be a RST
        self.state = DISCARD
