"""Nothing is wrong, or a frame is not whole yet."""

from __future__ import annotations

import time

from .labelling import ARMED, EDGE, KB, KIB, MIB, NO_TIMEOUTS, situation, variants
from .scene import Scene

# --- nothing is wrong ---------------------------------------------------------------------------


def _silent(scene: Scene, options: tuple[str, ...]) -> None:
    scene.serve(*NO_TIMEOUTS, *options)
    scene.connect()


def _fetched(scene: Scene, low: int, high: int, *options: str, buffer: int = 0) -> None:
    """One to five frames, fetched whole; then nothing."""
    scene.serve(*NO_TIMEOUTS, "--cap", "16MiB", *options)
    client = scene.connect(buffer)
    size = scene.between(low, high)
    client.ping_pong(lambda: size, scene.between(1, 10) / 100)
    scene.until(lambda: client.received >= size + 4)
    client.stop_threads()


variants(
    "no_bytes_yet", _silent, {},
    silent={"options": ()},
    silent_with_workers={"options": ("--workers", "2")},
    silent_edge_triggered={"options": EDGE},
)  # fmt: skip
variants(
    "between_frames", _fetched, {},
    fetched_small={"low": 1, "high": 1000},
    fetched_middle={"low": 10 * KB, "high": 300 * KB},
    fetched_large={"low": MIB, "high": 8 * MIB},
    fetched_through_small_buffer={"low": 50 * KB, "high": 400 * KB, "buffer": 4 * KIB},
)  # fmt: skip


def _fetched_with(scene: Scene, options: tuple[str, ...]) -> None:
    _fetched(scene, 1, 200 * KB, *options)


variants(
    "between_frames", _fetched_with, {},
    fetched_armed={"options": ARMED},
    fetched_edge_triggered={"options": EDGE},
    fetched_by_poll={"options": ("--poller", "poll")},
    fetched_with_workers={"options": ("--workers", "2")},
)  # fmt: skip


@situation("between_frames")
def fetched_late(scene: Scene) -> None:
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect(scene.between(4 * KIB, 64 * KIB))
    size = scene.between(100 * KB, MIB)
    client.send_frame(size)
    time.sleep(scene.between(500, 2000) / 1000)
    assert client.read(size + 4)


@situation("between_frames")
def below_what_the_peer_s_kernel_takes(scene: Scene) -> None:
    scene.serve(*NO_TIMEOUTS)
    scene.connect().send_frame(scene.between(1, 20 * KB))


@situation("between_frames")
def empty_frames(scene: Scene) -> None:
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect()
    for _ in range(scene.between(1, 500)):
        client.send_frame(0)
    client.read_all()


def _ping_pong(scene: Scene, low: int, high: int, every: float, options: tuple[str, ...]) -> None:
    scene.serve(*NO_TIMEOUTS, "--cap", "16MiB", *options)
    client = scene.connect()
    size = scene.between(low, high)
    client.ping_pong(lambda: size, every)
    scene.until(lambda: client.received >= size + 4)


variants(
    "between_frames", _ping_pong, {"lasts": 3.0},
    heartbeat_of_3_s={"low": 1, "high": 200, "every": 3.0, "options": ()},
    heartbeat_of_1_s={"low": 1, "high": 20 * KB, "every": 1.1, "options": ()},
    ping_pong_small={"low": 1, "high": 500, "every": 0.01, "options": ()},
    ping_pong_without_a_pause={"low": 1, "high": 500, "every": 0, "options": ()},
    ping_pong_edge_triggered={"low": 1, "high": 5 * KB, "every": 0.02, "options": EDGE},
)  # fmt: skip
# In armed mode, and with bodies of several reads, a look may fall into the frame.
variants(
    "between_frames armed_first", _ping_pong, {"lasts": 3.0, "is_seen": False},
    ping_pong_armed={"low": 1, "high": 5 * KB, "every": 0.02, "options": ARMED},
)  # fmt: skip
variants(
    "between_frames needs_body needs_header reads_slowly held_by_budget", _ping_pong,
    {"lasts": 3.0, "is_seen": False},
    ping_pong_large={"low": MIB, "high": 8 * MIB, "every": 0.0, "options": ()},
    ping_pong_large_with_pauses={"low": MIB, "high": 8 * MIB, "every": 0.3, "options": ()},
)  # fmt: skip


def _pipelined(scene: Scene, low: int, high: int, options: tuple[str, ...]) -> None:
    scene.serve(*NO_TIMEOUTS, *options)
    client = scene.connect()
    size = scene.between(low, high)
    client.read_all()
    client.send_frames_for_ever(lambda: size, 0.002)


variants(
    "between_frames", _pipelined, {"is_seen": False, "lasts": 2.0},
    pipelined_small={"low": 1, "high": 300, "options": ()},
    pipelined_edge_triggered={"low": 1, "high": 300, "options": EDGE},
)  # fmt: skip


# --- in the middle of a frame -------------------------------------------------------------------


def _partial(
    scene: Scene, low: int, high: int, first: int, frames: int, options: tuple[str, ...]
) -> None:
    """After some whole frames, only the first bytes of one."""
    scene.serve(*NO_TIMEOUTS, "--cap", "16MiB", *options)
    client = scene.connect()
    size = scene.between(low, high)
    for _ in range(frames):
        client.send_frame(scene.between(1, 2000))
    client.send_frame(size, first if first <= 4 else scene.between(5, size))
    client.read_all()


variants(
    "needs_header", _partial, {},
    header_of_1_byte={"low": 1, "high": MIB, "first": 1, "frames": 0, "options": ()},
    header_of_2_bytes={"low": 1, "high": MIB, "first": 2, "frames": 3, "options": EDGE},
    header_of_3_bytes={"low": 1, "high": MIB, "first": 3, "frames": 1, "options": ARMED},
)  # fmt: skip
variants(
    "needs_body", _partial, {},
    body_announced={"low": 1, "high": 8 * MIB, "first": 4, "frames": 2, "options": ()},
    body_in_part={"low": 10, "high": 100 * KB, "first": 5, "frames": 0, "options": ()},
    body_in_part_large={"low": MIB, "high": 8 * MIB, "first": 5, "frames": 1, "options": ()},
    body_in_part_edge={"low": 10, "high": MIB, "first": 5, "frames": 2, "options": EDGE},
    body_in_part_workers={
        "low": 10, "high": MIB, "first": 5, "frames": 1, "options": ("--workers", "2"),
    },
)  # fmt: skip


@situation("needs_header", lasts=3.0)
def header_dribbled(scene: Scene) -> None:
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect()
    client.layout.append(scene.between(1, 1000) + 4)
    client.send(b"\0")
    pause = scene.between(3500, 5000) / 1000
    client.go_on(lambda: client.pause(pause) and client.sent < 3 and client.send(b"\0"))


@situation("needs_body", lasts=3.0)
def body_dribbled(scene: Scene) -> None:
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect()
    client.send_frame(scene.between(100, 100 * KB), 4)
    pause = scene.between(100, 2000) / 1000
    client.go_on(lambda: client.pause(pause) and client.send(b"x"))
