"""The simplest server there is: blocking calls, one client at a time.

It is where the source document starts (its section 1), with frames in place of raw bytes. All
other clients wait until the one being served has gone.
"""

from __future__ import annotations

import contextlib

from benchmarks.peers.framed_socket import echo_until_eof
from benchmarks.peers.serving import arguments, listening_socket


def main(host: str, port: int) -> None:
    listener = listening_socket(host, port)
    while True:
        sock, _ = listener.accept()
        echo_until_eof(sock)


if __name__ == "__main__":
    options = arguments(__doc__)
    with contextlib.suppress(KeyboardInterrupt):
        main(options.host, options.port)
