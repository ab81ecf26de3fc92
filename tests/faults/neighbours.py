"""Peers in a process of their own: ``python -m tests.faults.neighbours echo|firehose PORT COUNT``.

They say ``ready`` once connected and served, go on until stdin ends, and print what they met as
one line of JSON.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import statistics
import sys
import time
from typing import Final

INTERVAL: Final = 0.05
SIZE: Final = 64
BURST: Final = 256 * 1024
"""Bytes of one write of a firehose."""


class Neighbour:
    """One connection that echoes a frame every `INTERVAL`, each with other bytes."""

    def __init__(self, port: int, number: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.number = number
        self.sent_at = 0.0
        self.count = 0
        self.expected = b""
        self.got = b""

    def send(self, now: float) -> None:
        self.count += 1
        body = b"%d:%d;" % (self.number, self.count) * SIZE
        self.expected = SIZE.to_bytes(4, "big") + body[:SIZE]
        self.got = b""
        self.sent_at = now
        self.sock.send(self.expected)


def echo(port: int, count: int) -> dict[str, float]:
    """Well-behaved clients; what they met."""
    round_trips: list[float] = []
    wrong = lost = 0
    with selectors.DefaultSelector() as selector:
        peers = [Neighbour(port, number) for number in range(count)]
        for peer in peers:
            selector.register(peer.sock, selectors.EVENT_READ, peer)
        selector.register(sys.stdin.buffer, selectors.EVENT_READ)
        due = [(time.monotonic() + INTERVAL * peer.number / count, peer) for peer in peers]
        alive = set(range(count))
        served = 0
        going = True
        while going or any(peer.sent_at for peer in peers if peer.number in alive):
            now = time.monotonic()
            while due and due[0][0] <= now:
                when, peer = due.pop(0)
                if peer.number not in alive or not going:
                    continue
                # Who still waits for an echo sends no other one; the wait goes on being timed.
                if not peer.sent_at:
                    peer.send(now)
                due.append((when + INTERVAL, peer))
            patience = max(0.0, due[0][0] - time.monotonic()) if due else 0.2
            for key, _ in selector.select(patience):
                peer = key.data
                if peer is None:
                    os.read(sys.stdin.fileno(), 1)
                    selector.unregister(sys.stdin.buffer)
                    going = False
                    continue
                try:
                    data = peer.sock.recv(4096)
                except OSError:
                    data = b""
                peer.got += data
                if not data:
                    lost += 1
                elif peer.got == peer.expected:
                    round_trips.append(time.monotonic() - peer.sent_at)
                    peer.sent_at = 0.0
                    if peer.count == 1:
                        served += 1
                        if served == count:
                            print("ready", flush=True)
                    continue
                elif peer.expected.startswith(peer.got):
                    continue
                else:
                    wrong += 1
                alive.discard(peer.number)
                selector.unregister(peer.sock)
            stuck = now - min((peer.sent_at for peer in peers if peer.sent_at), default=now)
            if stuck > 5:
                lost += 1
                break
        for peer in peers:
            peer.sock.close()
    return {
        "echoes": len(round_trips),
        "wrong": wrong,
        "lost": lost,
        "longest": max(round_trips),
        "median": statistics.median(round_trips),
    }


def firehose(port: int, count: int) -> dict[str, float]:
    """Clients that write frames as fast as they can, and read everything."""
    frame = SIZE.to_bytes(4, "big") + b"x" * SIZE
    data = memoryview(frame * (BURST // len(frame)))
    socks = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    sent = dict.fromkeys(socks, 0)
    moved = 0
    with selectors.DefaultSelector() as selector:
        for sock in socks:
            sock.setblocking(False)
            selector.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE)
        selector.register(sys.stdin.buffer, selectors.EVENT_READ)
        print("ready", flush=True)
        going = True
        while going:
            for key, mask in selector.select():
                peer = key.fileobj
                if not isinstance(peer, socket.socket):
                    going = False
                    continue
                if mask & selectors.EVENT_READ:
                    moved += len(peer.recv(BURST))
                if mask & selectors.EVENT_WRITE:
                    sent[peer] = (sent[peer] + peer.send(data[sent[peer] :])) % len(data)
    for sock in socks:
        sock.close()
    return {"bytes": moved}


if __name__ == "__main__":
    mode = {"echo": echo, "firehose": firehose}[sys.argv[1]]
    print(json.dumps(mode(int(sys.argv[2]), int(sys.argv[3]))))
