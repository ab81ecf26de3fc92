"""Nothing is wrong, or a frame is not whole yet."""

from __future__ import annotations

import os
import signal
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
    client.read_all()
    for _ in range(scene.chance.randint(1, 5)):
        client.send_frame(size)
        scene.until(lambda: client.received == client.sent)


def _drawn(scene: Scene, code: str) -> None:
    """Any write mode, poller and number of workers; some frames come before."""
    scene.serve(*NO_TIMEOUTS, *scene.draw_options())
    client = scene.connect(scene.chance.choice((0, scene.between(4 * KIB, MIB))))
    for _ in range(scene.chance.randint(1, 40) if code == "between_frames" else 0):
        size = scene.between(1, 100 * KB)
        client.send_frame(size)
        assert client.read(size + 4)
    if code == "needs_header":
        client.send_frame(scene.between(1, MIB), scene.chance.randint(1, 3))
    elif code == "needs_body":
        size = scene.between(1, MIB)
        client.send_frame(size, scene.chance.randint(4, size + 3))


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
variants(
    "between_frames", _ping_pong, {"lasts": 3.0},
    ping_pong_armed={"low": 1, "high": 5 * KB, "every": 0.02, "options": ARMED},
    ping_pong_with_pauses={"low": 10 * KB, "high": MIB, "every": 1.5, "options": ()},
)  # fmt: skip


def _body_comes_slowly(scene: Scene, options: tuple[str, ...]) -> None:
    """A body that comes bit by bit, and does not end meanwhile."""
    scene.serve(*NO_TIMEOUTS, "--cap", "16MiB", *options)
    client = scene.connect()
    client.read_all()
    size = scene.between(14 * MIB, 15 * MIB)
    client.begin_frames(size)
    bit = scene.between(5 * KB, 30 * KB)
    client.send(size.to_bytes(4, "big"))
    client.go_on(lambda: client.pause(0.05) and client.send(bytes(bit)))


variants(
    "needs_body", _body_comes_slowly, {"lasts": 2.0},
    body_comes_slowly={"options": ()},
    body_comes_slowly_armed={"options": ARMED},
    body_comes_slowly_edge={"options": EDGE},
)  # fmt: skip
for _code, _count in (
    ("no_bytes_yet", 1), ("between_frames", 3), ("needs_header", 2), ("needs_body", 2)
):  # fmt: skip
    for _number in range(1, _count + 1):
        variants(_code, _drawn, {}, **{f"drawn_{_code}_{_number}": {"code": _code}})


def _pipelined(scene: Scene, low: int, high: int, options: tuple[str, ...]) -> None:
    scene.serve(*NO_TIMEOUTS, *options)
    client = scene.connect()
    size = scene.between(low, high)
    client.read_all()
    client.send_frames_for_ever(lambda: size, 0.002)


variants(
    "between_frames", _pipelined, {"lasts": 2.0},
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
    client.begin_frames(scene.between(1, 1000))
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


@situation("needs_body", lasts=4.0)
def a_byte_a_second_after_frames(scene: Scene) -> None:
    """A ping-pong before; then a frame that comes byte by byte, its header first."""
    scene.serve(*NO_TIMEOUTS, *scene.draw_options())
    client = scene.connect()
    for _ in range(scene.chance.randint(1, 20)):
        size = scene.between(1, 10 * KB)
        client.send_frame(size)
        assert client.read(size + 4)
    size = scene.between(20, 200)
    client.begin_frames(size)
    data = size.to_bytes(4, "big") + bytes(size)
    for number in range(4):
        client.send(data[number : number + 1])
        time.sleep(0.3)
    client.go_on(lambda: client.send(b"x") and client.pause(1.0))


@situation("needs_header")
def half_a_header_behind_pipelined_frames(scene: Scene) -> None:
    scene.serve(*NO_TIMEOUTS, *scene.draw_options())
    client = scene.connect()
    client.read_all()
    size, count = scene.between(1, 300), scene.between(2, 500)
    client.begin_frames(size, count)
    client.begin_frames(scene.between(1, 1000))
    part = bytes(scene.chance.randint(1, 3))
    client.send((size.to_bytes(4, "big") + bytes(size)) * count + part)


def _goes_on_after_a_stop(scene: Scene, workers: str) -> None:
    """The whole server, or the worker, stands still for a while; then both sides go on."""
    server = scene.serve(*NO_TIMEOUTS, "--workers", workers)
    client = scene.connect()
    size = scene.between(1, 10 * KB)
    client.ping_pong(lambda: size, 0.1)
    time.sleep(1.0)
    for pid in [server.pid, *scene.children(server.pid)]:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(scene.between(1500, 6000) / 1000)
    for pid in [server.pid, *scene.children(server.pid)]:
        os.kill(pid, signal.SIGCONT)


variants(
    "between_frames", _goes_on_after_a_stop, {"lasts": 2.0},
    goes_on_after_a_stop={"workers": "0"},
    goes_on_after_a_stop_of_workers={"workers": "2"},
)  # fmt: skip
