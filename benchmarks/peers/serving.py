"""The part that all peers share: command line, first line of output, event loop."""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
from collections.abc import Coroutine
from typing import Any

HEADER = 4
"""Bytes of a frame's header: the big-endian length of its body."""

BACKLOG = 4096
"""As echo-tui's default, so that a burst of connects costs every server the same."""


def arguments(description: str | None, *, loops: bool = False) -> argparse.Namespace:
    """Parse `[HOST] [PORT]`, and `--loop` where the peer runs on more than one."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("host", nargs="?", default="127.0.0.1")
    parser.add_argument("port", nargs="?", type=int, default=0)
    if loops:
        parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    return parser.parse_args()


def announce(host: str, port: int) -> None:
    """Tell the harness where this peer accepts connections."""
    print(f"listening on {host}:{port}", flush=True)


def announce_server(server: asyncio.Server) -> None:
    """Tell it for an asyncio server."""
    host, port = server.sockets[0].getsockname()[:2]
    announce(host, port)


def listening_socket(host: str, port: int) -> socket.socket:
    """A blocking listener, announced, for the peers that have no loop."""
    listener = socket.create_server((host, port), backlog=BACKLOG)
    announce(*listener.getsockname()[:2])
    return listener


def run(main: Coroutine[Any, Any, None], loop: str) -> None:
    """Run `main` until Ctrl-C or SIGTERM."""
    try:
        if loop == "uvloop":
            import uvloop  # noqa: PLC0415 (only asked for by who has it)

            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(main)
        else:
            asyncio.run(main)
    except KeyboardInterrupt:
        sys.exit(0)
