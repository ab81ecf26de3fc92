"""A thread per connection, each with blocking calls."""

from __future__ import annotations

import contextlib
import threading

from benchmarks.peers.framed_socket import echo_until_eof
from benchmarks.peers.serving import arguments, listening_socket

STACK = 256 * 1024
"""Bytes of stack a thread reserves; the default of 8 MiB would reserve 80 GB for 10,000."""


def main(host: str, port: int) -> None:
    threading.stack_size(STACK)
    listener = listening_socket(host, port)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=echo_until_eof, args=(sock,), daemon=True).start()


if __name__ == "__main__":
    options = arguments(__doc__)
    with contextlib.suppress(KeyboardInterrupt):
        main(options.host, options.port)
