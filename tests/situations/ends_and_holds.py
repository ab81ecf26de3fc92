"""Connections that end, and those that the server itself holds up."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from .labelling import ARMED, EDGE, KB, KIB, MIB, NO_TIMEOUTS, situation, variants
from .scene import Scene
from .slow_readers import stands_still

# --- the end ------------------------------------------------------------------------------------


@situation("draining_unacknowledged")
def half_closed_and_never_fetched(scene: Scene) -> None:
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect(scene.between(8 * KIB, 32 * KIB))
    client.send_frame(scene.between(300 * KIB, 900 * KIB))
    client.half_close()


@situation("draining_unacknowledged")
def half_closed_and_never_fetched_the_cap(scene: Scene) -> None:
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect()
    client.send_frame(MIB)
    client.half_close()


@situation("draining_unacknowledged", lasts=3.0)
def half_closed_and_read_slowly(scene: Scene) -> None:
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect(16 * KIB)
    client.send_frame(scene.between(700 * KIB, MIB))
    client.half_close()
    client.read_steadily(scene.between(30 * KB, 60 * KB))


@situation("draining_unacknowledged")
def refused_behind_an_echo_that_is_not_fetched(scene: Scene) -> None:
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect(16 * KIB)
    client.send_frame(scene.between(200 * KIB, 900 * KIB))
    client.layout.append(2**31)
    client.send(b"\x7f\xff\xff\xff")


def _killed(scene: Scene, mode: str, options: tuple[str, ...] = ()) -> None:
    scene.serve(*NO_TIMEOUTS, *options)
    client = scene.connect(16 * KIB)
    size = scene.between(200 * KIB, MIB)
    client.send_frames_for_ever(lambda: size)
    scene.until(lambda: stands_still(scene))
    scene.ctl("kill", "--mode", mode, "--json", scene.number())


variants(
    "draining_unacknowledged", _killed, {"is_seen": False},
    killed_drain={"mode": "drain"},
    killed_drain_armed={"mode": "drain", "options": ARMED},
    killed_drain_workers={"mode": "drain", "options": ("--workers", "2")},
    killed_drain_edge={"mode": "drain", "options": EDGE},
)  # fmt: skip
# It lasts for ten seconds at most.
variants(
    "draining_unacknowledged", _killed, {"is_seen": False, "after": 1.0, "lasts": 0.0},
    killed_close={"mode": "close"},
)  # fmt: skip
variants("closed", _killed, {}, killed_reset={"mode": "reset"})


@situation("draining_peer", after=0.0, lasts=0.0)
def refused_and_all_acknowledged(scene: Scene) -> None:
    """The peer reads, and keeps its side open."""
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect()
    size = scene.between(1, 1000)
    client.read_all()
    client.send_frame(size)
    scene.until(lambda: client.received >= size + 4)
    client.layout.append(2**31)
    client.send(b"\x7f\xff\xff\xff")


@situation("closed")
def reset_by_the_peer(scene: Scene) -> None:
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect()
    client.send_frame(scene.between(1, MIB))
    client.reset()


# --- the server's own doing ---------------------------------------------------------------------


def _workers(server: int) -> list[int]:
    """The worker processes, in the order of their start."""
    tasks = Path(f"/proc/{server}/task").glob("*/children")
    return sorted(int(pid) for task in tasks for pid in task.read_text().split())


def _worker_stopped(scene: Scene, partial: bool) -> None:
    server = scene.serve(*NO_TIMEOUTS, "--workers", "2")
    client = scene.connect()
    size = scene.between(10, 10_000)
    client.send_frame(size)
    assert client.read(size + 4)
    if partial:
        client.send_frame(size, scene.between(1, 9))
    time.sleep(1.5)
    number = int(scene.told()["worker"])
    pid = _workers(server.pid)[number - 1]
    os.kill(pid, signal.SIGSTOP)
    scene.at_end(lambda: os.kill(pid, signal.SIGCONT))


variants(
    "worker_silent", _worker_stopped, {"is_seen": False, "after": 4.0},
    worker_stopped={"partial": False},
    worker_stopped_in_a_frame={"partial": True},
)  # fmt: skip


def _flood(scene: Scene, low: int, high: int, options: tuple[str, ...]) -> None:
    """A client that never stops, and reads as fast as it can."""
    scene.serve(*NO_TIMEOUTS, *options)
    client = scene.connect()
    size = scene.between(low, high)
    frames = max(1, 2 * MIB // (size + 4))
    client.layout.append(size + 4)
    burst = (size.to_bytes(4, "big") + bytes(size)) * frames
    client.read_all()
    client.go_on(lambda: client.send(burst))
    time.sleep(1)


variants(
    "held_by_budget between_frames needs_body needs_header reads_slowly", _flood,
    {"is_seen": False},
    flood_of_empty_frames={"low": 1, "high": 1, "options": ()},
    flood_of_frames={"low": 100, "high": 100 * KB, "options": ()},
    flood_edge_triggered={"low": 1, "high": 10 * KB, "options": EDGE},
)  # fmt: skip
