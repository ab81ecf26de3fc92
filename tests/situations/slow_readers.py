"""Peers that read slowly, or not at all."""

from __future__ import annotations

import time

from .labelling import ARMED, EDGE, KB, KIB, MIB, NO_TIMEOUTS, situation, variants
from .scene import Scene

# --- a peer that reads slowly -------------------------------------------------------------------


def _slow_reader(
    scene: Scene, rate: float, frame: int, buffer: int, options: tuple[str, ...] = ()
) -> None:
    """Frames without end, read at `rate` bytes a second, a fifth more or less."""
    scene.serve(*NO_TIMEOUTS, "--cap", "16MiB", *options)
    client = scene.connect(int(buffer * scene.chance.uniform(0.8, 1.2)))
    size = int(frame * scene.chance.uniform(0.5, 1.5))
    client.send_frames_for_ever(lambda: size)
    client.read_steadily(
        rate * scene.chance.uniform(0.8, 1.2), scene.chance.choice([0.01, 0.05, 0.2])
    )
    # A step of its acknowledgements: until the receive buffer has room for more.
    scene.until(lambda: client.received > 4 * buffer, 40)


variants(
    "reads_slowly", _slow_reader, {"lasts": 4.0},
    reads_5_kB_s={"rate": 5 * KB, "frame": 20 * KB, "buffer": 2 * KIB},
    reads_10_kB_s={"rate": 10 * KB, "frame": 300 * KB, "buffer": 4 * KIB},
    reads_20_kB_s={"rate": 20 * KB, "frame": 400 * KIB, "buffer": 8 * KIB},
    reads_40_kB_s={"rate": 40 * KB, "frame": 3 * MIB, "buffer": 8 * KIB},
    reads_60_kB_s={"rate": 60 * KB, "frame": 100, "buffer": 16 * KIB},
    reads_150_kB_s={"rate": 150 * KB, "frame": 1 * MIB, "buffer": 24 * KIB},
    reads_300_kB_s={"rate": 300 * KB, "frame": 50 * KB, "buffer": 32 * KIB},
    reads_600_kB_s={"rate": 600 * KB, "frame": 8 * MIB, "buffer": 64 * KIB},
    reads_slowly_armed={"rate": 50 * KB, "frame": 200 * KB, "buffer": 8 * KIB, "options": ARMED},
    reads_slowly_edge={"rate": 50 * KB, "frame": 200 * KB, "buffer": 8 * KIB, "options": EDGE},
    reads_slowly_workers={
        "rate": 80 * KB, "frame": 500 * KB, "buffer": 16 * KIB, "options": ("--workers", "2"),
    },
)  # fmt: skip


def _drawn_slow_reader(scene: Scene, rate: float) -> None:
    """Any frame, write mode, poller and number of workers; a buffer that is read in about 1 s."""
    scene.serve(*NO_TIMEOUTS, *scene.draw_options())
    buffer = scene.between(2 * KIB, min(MIB, 0.6 * rate))
    client = scene.connect(buffer)
    client.flood(scene.between(1, MIB), 256 * KIB)
    client.read_steadily(rate, scene.chance.choice([0.01, 0.05, 0.2]))
    scene.until(lambda: client.received > 4 * buffer, 40)


variants(
    "reads_slowly", _drawn_slow_reader, {"lasts": 4.0},
    drawn_5_kB_s={"rate": 5 * KB},
    drawn_20_kB_s={"rate": 20 * KB},
    drawn_60_kB_s={"rate": 60 * KB},
    drawn_200_kB_s={"rate": 200 * KB},
    drawn_600_kB_s={"rate": 600 * KB},
    drawn_600_kB_s_again={"rate": 600 * KB},
)  # fmt: skip


@situation("reads_slowly", lasts=3.0)
def reads_slowly_what_the_kernel_has_taken(scene: Scene) -> None:
    """Nothing of our own is pending: the whole echo stands in the kernel's send queue."""
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect(scene.between(8 * KIB, 24 * KIB))
    client.send_frame(scene.between(500 * KIB, 900 * KIB))
    client.read_steadily(scene.between(25 * KB, 60 * KB))


@situation("reads_slowly", lasts=3.0)
def reads_in_bursts(scene: Scene) -> None:
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect(scene.between(16 * KIB, 64 * KIB))
    size = scene.between(50 * KB, MIB)
    client.send_frames_for_ever(lambda: size)
    client.read_steadily(scene.between(100 * KB, 300 * KB), scene.between(500, 900) / 1000)


@situation("reads_slowly", lasts=3.0)
def reads_slowly_with_the_default_buffer(scene: Scene) -> None:
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect()
    size = scene.between(100 * KB, MIB)
    client.send_frames_for_ever(lambda: size)
    client.read_steadily(scene.between(150 * KB, 600 * KB))
    scene.until(lambda: client.received > MIB, 40)


# --- a peer that has stopped reading ------------------------------------------------------------


def _never_reads(
    scene: Scene, low: int, high: int, buffer: int, options: tuple[str, ...] = ()
) -> None:
    """Frames without end, of which nothing is read: bytes of our own are pending."""
    scene.serve(*NO_TIMEOUTS, "--cap", "16MiB", *options)
    client = scene.connect(buffer)
    size = scene.between(low, high)
    client.send_frames_for_ever(lambda: size)
    scene.until(lambda: stands_still(scene))


def stands_still(scene: Scene) -> bool:
    """Whether nothing has moved for 0.3 s and the server's send queue holds something."""
    before = scene.sample().facts
    time.sleep(0.3)
    after = scene.sample().facts
    assert before, "the connection ended"
    assert after, "the connection ended"
    return (
        after.send_q > 1
        and (before.send_q, before.bytes_received) == (after.send_q, after.bytes_received)
        and before.bytes_acked == after.bytes_acked
    )


variants(
    "window_closed", _never_reads, {},
    never_reads_small_frames={"low": 1 * KB, "high": 10 * KB, "buffer": 8 * KIB},
    never_reads_small_buffer={"low": 200 * KB, "high": MIB, "buffer": 4 * KIB},
    never_reads_default_buffer={"low": 100 * KB, "high": MIB, "buffer": 0},
    never_reads_8_MB={"low": 7 * MIB, "high": 8 * MIB, "buffer": 0},
    never_reads_armed={"low": 100 * KB, "high": MIB, "buffer": 16 * KIB, "options": ARMED},
    never_reads_edge={"low": 100 * KB, "high": MIB, "buffer": 16 * KIB, "options": EDGE},
    never_reads_poll={
        "low": 10 * KB, "high": MIB, "buffer": 16 * KIB, "options": ("--poller", "poll"),
    },
    never_reads_workers={
        "low": 10 * KB, "high": MIB, "buffer": 16 * KIB, "options": ("--workers", "2"),
    },
)  # fmt: skip


def _drawn_that_never_reads(scene: Scene) -> None:
    """Any frame, buffer, write mode, poller and number of workers."""
    scene.serve(*NO_TIMEOUTS, *scene.draw_options())
    client = scene.connect(scene.between(4 * KIB, MIB))
    client.flood(scene.between(1, MIB), 256 * KIB)
    scene.until(lambda: stands_still(scene))


variants(
    "window_closed", _drawn_that_never_reads, {},
    drawn_never_reads_1={}, drawn_never_reads_2={}, drawn_never_reads_3={},
)  # fmt: skip


@situation("window_closed")
def a_stopped_process(scene: Scene) -> None:
    """The peer's kernel acknowledges for a stopped process, until its buffer is full."""
    scene.serve(*NO_TIMEOUTS, *scene.draw_options())
    client = scene.connect(scene.between(16 * KIB, 256 * KIB))
    size = scene.between(1 * KB, MIB)
    client.flood(size, 256 * KIB)
    client.read_steadily(scene.between(300 * KB, 2000 * KB))
    time.sleep(2)
    client.stop_threads()


def _stops_reading(scene: Scene, options: tuple[str, ...]) -> None:
    scene.serve(*NO_TIMEOUTS, *options)
    client = scene.connect(scene.between(8 * KIB, 64 * KIB))
    size = scene.between(50 * KB, MIB)
    client.send_frames_for_ever(lambda: size)
    client.read_all()
    time.sleep(scene.between(500, 3000) / 1000)
    client.stop_reading()


variants(
    "window_closed", _stops_reading, {},
    stops_reading={"options": ()},
    stops_reading_armed={"options": ARMED},
)  # fmt: skip


@situation("window_closed")
def stops_after_reading_slowly(scene: Scene) -> None:
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect(scene.between(8 * KIB, 24 * KIB))
    size = scene.between(300 * KB, MIB)
    client.send_frames_for_ever(lambda: size)
    client.read_steadily(scene.between(40 * KB, 200 * KB))
    time.sleep(scene.between(2000, 4000) / 1000)
    client.stop_reading()


def _one_frame_never_read(
    scene: Scene, low: int, high: int, buffer: int, options: tuple[str, ...] = ()
) -> None:
    """One frame that the kernel's send queue takes whole."""
    scene.serve(*NO_TIMEOUTS, *options)
    client = scene.connect(buffer)
    client.send_frame(scene.between(low, high))
    scene.until(lambda: stands_still(scene))


variants(
    "not_fetched", _one_frame_never_read, {},
    not_fetched_200_KiB={"low": 190 * KIB, "high": 220 * KIB, "buffer": 8 * KIB},
    not_fetched_default_buffer={"low": 300 * KIB, "high": 900 * KIB, "buffer": 0},
    not_fetched_cap={"low": MIB, "high": MIB, "buffer": 16 * KIB},
    not_fetched_armed={"low": 190 * KIB, "high": 900 * KIB, "buffer": 8 * KIB, "options": ARMED},
    not_fetched_edge={"low": 190 * KIB, "high": 900 * KIB, "buffer": 8 * KIB, "options": EDGE},
    not_fetched_workers={
        "low": 190 * KIB, "high": 900 * KIB, "buffer": 8 * KIB, "options": ("--workers", "2"),
    },
)  # fmt: skip


@situation("not_fetched")
def not_fetched_many_small_frames(scene: Scene) -> None:
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect(8 * KIB)
    for _ in range(scene.between(60, 150)):
        client.send_frame(scene.between(1000, 2000))
    scene.until(lambda: stands_still(scene))


@situation("not_fetched")
def not_fetched_after_a_part(scene: Scene) -> None:
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect(scene.between(8 * KIB, 24 * KIB))
    size = scene.between(500 * KIB, MIB)
    client.send_frame(size)
    assert client.read(scene.between(KB, size // 4))
