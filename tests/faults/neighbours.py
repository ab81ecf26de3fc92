"""Peers in a process of their own.

    python -m tests.faults.neighbours echo PORT COUNT PID
    python -m tests.faults.neighbours firehose PORT COUNT

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
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import psutil

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
        self.waited = 0.0
        """Seconds for which server and clients had waited for a CPU by then."""
        self.count = 0
        self.expected = b""
        self.got = b""

    def send(self, now: float, waited: float) -> None:
        self.count += 1
        self.waited = waited
        body = b"%d:%d;" % (self.number, self.count) * SIZE
        self.expected = SIZE.to_bytes(4, "big") + body[:SIZE]
        self.got = b""
        self.sent_at = now
        self.sock.send(self.expected)


class CpuWaits:
    """The time for which threads were ready and other programs had the CPU.

    The second figure of /proc/PID/task/TID/schedstat (the kernel's sched-stats.rst); elsewhere 0.
    """

    def __init__(self, pids: Iterable[int]) -> None:
        self._files = [
            file for pid in pids for file in Path(f"/proc/{pid}/task").glob("*/schedstat")
        ]

    def seconds(self) -> float:
        """Return the wait of the thread that has waited longest: a loop, if the server is busy."""
        waits = [0]
        for file in self._files:
            try:
                waits.append(int(file.read_text().split()[1]))
            except OSError:  # the thread has ended
                continue
        return max(waits) / 1e9


def echo(port: int, count: int, pid: int) -> dict[str, float]:
    """Well-behaved clients of the server with that pid; what they met."""
    server = psutil.Process(pid)
    theirs = CpuWaits([pid, *(child.pid for child in server.children(recursive=True))])
    ours = CpuWaits([os.getpid()])
    round_trips: list[float] = []
    without_waits: list[float] = []
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
                    peer.send(now, theirs.seconds() + ours.seconds())
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
                    round_trip = time.monotonic() - peer.sent_at
                    waited = theirs.seconds() + ours.seconds() - peer.waited
                    round_trips.append(round_trip)
                    without_waits.append(round_trip - waited)
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
        "longest_without_waits": max(without_waits),
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
    modes: dict[str, Callable[..., dict[str, float]]] = {"echo": echo, "firehose": firehose}
    mode = modes[sys.argv[1]]
    print(json.dumps(mode(*map(int, sys.argv[2:]))))
