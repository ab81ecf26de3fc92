"""A client of length-prefixed frames, right or with one named bug.

``python echo_client.py HOST PORT [BUG]`` sends six frames, two at a time, and exits with 0 if each
came back as it was.
"""

from __future__ import annotations

import socket
import sys
import time

TIMEOUT = 1.2
BUGS = (
    "one_recv",
    "no_timeout",
    "not_compared",
    "end_is_well",
    "one_echo_a_read",
    "sends_after_end",
    "short_header",
    "hangs_on_reset",
)


class Client:
    def __init__(self, host: str, port: int, bug: str) -> None:
        self.bug = bug
        self.sock = socket.create_connection((host, port), TIMEOUT)
        self.sock.settimeout(None if bug == "no_timeout" else TIMEOUT)
        self.buffer = b""

    def receive(self) -> bytes:
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            if self.bug == "hangs_on_reset":
                time.sleep(60)
            raise
        if not data:
            if self.bug == "sends_after_end":
                for _ in range(4):
                    time.sleep(0.1)
                    self.sock.sendall(b"\0\0\0\5still")
            raise EOFError
        return data

    def exactly(self, size: int) -> bytes:
        while len(self.buffer) < size:
            self.buffer += self.receive()
            if self.bug == "one_recv":
                break
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def header(self) -> bytes:
        if self.bug == "short_header" and not self.buffer:
            self.buffer = self.receive()
            data, self.buffer = self.buffer[:4], self.buffer[4:]
            return data
        return self.exactly(4)

    def echo(self) -> bytes:
        size = int.from_bytes(self.header(), "big")
        if size > 1 << 20:
            raise ValueError(size)
        body = self.exactly(size)
        if self.bug == "one_echo_a_read":
            self.buffer = b""
        return body

    def run(self) -> int:
        for number in range(3):
            bodies = [b"%d and %d " % (number, which) * 9 for which in range(2)]
            self.sock.sendall(b"".join(len(each).to_bytes(4, "big") + each for each in bodies))
            for body in bodies:
                if self.echo() != body and self.bug != "not_compared":
                    return 1
        return 0


def main() -> int:
    bug = sys.argv[3] if len(sys.argv) > 3 else ""
    try:
        return Client(sys.argv[1], int(sys.argv[2]), bug).run()
    except EOFError:
        return 0 if bug == "end_is_well" else 2
    except (OSError, ValueError):
        return 3


if __name__ == "__main__":
    sys.exit(main())
