"""Connections that end, and those that the server itself holds up."""

from __future__ import annotations

import os
import signal
import time

from .flooding_crowd import FloodingCrowd
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


def _refused_behind_an_echo(scene: Scene, rate: int) -> None:
    """A header over the CAP stands behind an echo that is not fetched, or slowly."""
    scene.serve(*NO_TIMEOUTS, *scene.draw_options())
    client = scene.connect(16 * KIB)
    client.send_frame(scene.between(600 * KIB, 900 * KIB))
    client.begin_frames(2**31 - 1)
    client.send(b"\x7f\xff\xff\xff")
    if rate:
        client.read_steadily(rate * scene.chance.uniform(0.8, 1.2))


variants(
    "draining_unacknowledged", _refused_behind_an_echo, {},
    refused_behind_an_echo_that_is_not_fetched={"rate": 0},
    refused_behind_an_echo_that_is_fetched_slowly={"rate": 40 * KB},
)  # fmt: skip


def _killed(
    scene: Scene, mode: str, options: tuple[str, ...] = (), rate: int = 0, pending: bool = True
) -> None:
    """Killed with an echo that is not fetched, or at `rate` bytes a second."""
    scene.serve(*NO_TIMEOUTS, *options)
    client = scene.connect(16 * KIB)
    size = scene.between(200 * KIB, MIB)
    if pending:
        client.send_frames_for_ever(lambda: size)
    else:
        client.send_frame(size)
    scene.until(lambda: stands_still(scene))
    if rate:
        client.read_steadily(rate * scene.chance.uniform(0.8, 1.2))
        time.sleep(1)
    scene.ctl_beside("kill", "--mode", mode, "--json", scene.number())
    scene.until(lambda: scene.told().get("state") in ("DRAINING", None))


variants(
    "draining_unacknowledged", _killed, {"is_seen": False},
    killed_drain={"mode": "drain"},
    killed_drain_armed={"mode": "drain", "options": ARMED},
    killed_drain_workers={"mode": "drain", "options": ("--workers", "2")},
    killed_drain_edge={"mode": "drain", "options": EDGE},
    killed_drain_read_slowly={"mode": "drain", "rate": 40 * KB},
    killed_drain_all_written={"mode": "drain", "pending": False},
)  # fmt: skip
# It lasts for ten seconds at most: the server's FIN stands behind what is not fetched.
variants(
    "draining_unacknowledged", _killed, {"lasts": 3.0},
    killed_close={"mode": "close"},
    killed_close_armed={"mode": "close", "options": ARMED},
    killed_close_edge={"mode": "close", "options": EDGE},
    killed_close_workers={"mode": "close", "options": ("--workers", "2")},
    killed_close_read_slowly={"mode": "close", "rate": 40 * KB},
    killed_close_all_written={"mode": "close", "pending": False},
)  # fmt: skip


def _killed_at_rest(scene: Scene, mode: str, part: bool) -> None:
    """Nothing is unacknowledged: no mode waits for anything."""
    scene.serve(*NO_TIMEOUTS, *scene.draw_options())
    client = scene.connect()
    size = scene.between(1, 10 * KB)
    client.send_frame(size)
    assert client.read(size + 4)
    if part:
        client.send_frame(size, scene.between(1, 3))
    time.sleep(0.5)
    scene.ctl("kill", "--mode", mode, "--json", scene.number())


variants(
    "closed", _killed_at_rest, {},
    killed_drain_at_rest={"mode": "drain", "part": False},
    killed_close_in_a_header={"mode": "close", "part": True},
    killed_reset_at_rest={"mode": "reset", "part": False},
)  # fmt: skip
variants(
    "closed", _killed, {},
    killed_reset_read_slowly={"mode": "reset", "rate": 40 * KB},
    killed_reset_workers={"mode": "reset", "options": ("--workers", "2")},
)  # fmt: skip
variants("closed", _killed, {}, killed_reset={"mode": "reset"})


def _refused_and_acknowledged(scene: Scene, options: tuple[str, ...], goes_on: bool) -> None:
    """The peer reads, and keeps its side open."""
    scene.serve(*NO_TIMEOUTS, *options)
    client = scene.connect()
    size = scene.between(1, 1000)
    client.read_all()
    client.send_frame(size)
    scene.until(lambda: client.received >= size + 4)
    scene.told()
    client.begin_frames(2**31 - 1)
    client.send(b"\x7f\xff\xff\xff")
    if goes_on:
        client.go_on(lambda: client.pause(0.01) and client.send(bytes(100)))
    time.sleep(0.05)


# It lasts for one second.
variants(
    "draining_peer", _refused_and_acknowledged, {"after": 0.0, "lasts": 0.0},
    refused_and_all_acknowledged={"options": (), "goes_on": False},
    refused_and_all_acknowledged_armed={"options": ARMED, "goes_on": False},
    refused_and_all_acknowledged_edge={"options": EDGE, "goes_on": False},
    refused_and_goes_on_sending={"options": (), "goes_on": True},
)  # fmt: skip
variants(
    "closed", _refused_and_acknowledged, {},
    refused_a_while_ago={"options": (), "goes_on": False},
)  # fmt: skip


def _half_closed_at_rest(scene: Scene, frames: int, part: int) -> None:
    """Everything is fetched: the connection ends with the peer's FIN."""
    scene.serve(*NO_TIMEOUTS, *scene.draw_options())
    client = scene.connect()
    for _ in range(frames):
        size = scene.between(1, 100 * KB)
        client.send_frame(size)
        assert client.read(size + 4)
    if part:
        client.send_frame(scene.between(100, 1000), part)
    client.half_close()


variants(
    "closed", _half_closed_at_rest, {},
    half_closed_at_once={"frames": 0, "part": 0},
    half_closed_after_frames={"frames": 3, "part": 0},
    half_closed_in_a_header={"frames": 1, "part": 2},
    half_closed_in_a_body={"frames": 0, "part": 50},
)  # fmt: skip


@situation("draining_unacknowledged")
def half_closed_in_a_body_behind_an_echo_that_is_not_fetched(scene: Scene) -> None:
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect(scene.between(8 * KIB, 32 * KIB))
    client.send_frame(scene.between(300 * KIB, 900 * KIB))
    scene.until(lambda: stands_still(scene))
    client.send_frame(1000, scene.between(5, 900))
    client.half_close()


def _half_closed_with_an_echo_pending(scene: Scene, rate: int) -> None:
    """The FIN stands behind input that the server does not read while the echo is pending."""
    scene.serve(*NO_TIMEOUTS, "--cap", "16MiB")
    client = scene.connect(scene.between(8 * KIB, 16 * KIB))
    client.send_frame(scene.between(7 * MIB, 8 * MIB))
    client.half_close()
    if rate:
        client.read_steadily(rate)


variants(
    "window_closed", _half_closed_with_an_echo_pending, {},
    half_closed_with_an_echo_pending={"rate": 0},
)  # fmt: skip
variants(
    "reads_slowly", _half_closed_with_an_echo_pending, {"lasts": 2.0},
    half_closed_and_reads_slowly={"rate": 50 * KB},
)  # fmt: skip


@situation("closed")
def over_the_limit(scene: Scene) -> None:
    scene.serve(*NO_TIMEOUTS, "--max-connections", "1")
    scene.connect()
    scene.client = scene.connect()


def _timed_out(scene: Scene, option: str, part: int) -> None:
    """A time-out has ended it."""
    scene.serve(option, "1.5", *scene.draw_options())
    client = scene.connect()
    client.send_frame(100, part)
    client.read_all()


variants(
    "closed", _timed_out, {"after": 4.0},
    timed_out_in_a_header={"option": "--header-timeout", "part": 2},
    timed_out_in_a_body={"option": "--body-timeout", "part": 50},
    timed_out_between_frames={"option": "--idle-timeout", "part": 104},
)  # fmt: skip


@situation("closed", after=5.0)
def timed_out_without_an_acknowledgement(scene: Scene) -> None:
    scene.serve("--write-timeout", "2", *scene.draw_options())
    scene.connect(16 * KIB).send_frame(scene.between(300 * KIB, MIB))


@situation("closed")
def reset_by_the_peer(scene: Scene) -> None:
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect()
    client.send_frame(scene.between(1, MIB))
    client.reset()


# --- the server's own doing ---------------------------------------------------------------------


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
    pid = scene.children(server.pid)[number - 1]
    os.kill(pid, signal.SIGSTOP)
    scene.at_end(lambda: os.kill(pid, signal.SIGCONT))


variants(
    "worker_silent", _worker_stopped, {"is_seen": False, "after": 3.1},
    worker_stopped={"partial": False},
    worker_stopped_in_a_frame={"partial": True},
)  # fmt: skip


@situation("worker_silent", is_seen=False, after=3.1)
def worker_stopped_with_an_echo_that_is_not_fetched(scene: Scene) -> None:
    server = scene.serve(*NO_TIMEOUTS, "--workers", "2")
    client = scene.connect(16 * KIB)
    size = scene.between(100 * KB, MIB)
    client.send_frames_for_ever(lambda: size)
    scene.until(lambda: stands_still(scene))
    pid = scene.children(server.pid)[int(scene.told()["worker"]) - 1]
    os.kill(pid, signal.SIGSTOP)
    scene.at_end(lambda: os.kill(pid, signal.SIGCONT))


@situation("closed")
def worker_killed(scene: Scene) -> None:
    server = scene.serve(*NO_TIMEOUTS, "--workers", "2")
    scene.connect().send_frame(scene.between(1, 1000))
    scene.until(scene.told)
    pid = scene.children(server.pid)[int(scene.told()["worker"]) - 1]
    os.kill(pid, signal.SIGKILL)


def _flood(scene: Scene, low: int, high: int, options: tuple[str, ...]) -> None:
    """A client that never stops, and reads as fast as it can."""
    scene.serve(*NO_TIMEOUTS, *options)
    client = scene.connect()
    client.read_all()
    client.flood(scene.between(low, high), 2 * MIB)
    time.sleep(1)


variants(
    "held_by_budget", _flood, {},
    flood_of_tiny_frames={"low": 1, "high": 2, "options": ()},
    flood_of_frames={"low": 30, "high": 10 * KB, "options": ()},
    flood_edge_triggered={"low": 1, "high": 10 * KB, "options": EDGE},
    flood_armed={"low": 1, "high": 10 * KB, "options": ARMED},
    flood_armed_of_tiny_frames={"low": 1, "high": 30, "options": ARMED},
    flood_by_select={"low": 1, "high": 10 * KB, "options": ("--poller", "select")},
    flood_with_workers={"low": 1, "high": 10 * KB, "options": ("--workers", "2")},
)  # fmt: skip


# By the moment: read just now, not read for over a second, or no iteration has ended for three.
@situation("server_behind", "held_by_budget", "worker_silent", is_seen=False, lasts=3.0)
def a_crowd_floods_a_server_that_is_short_of_time(scene: Scene) -> None:
    """The loop comes round in over a second: input waits for so long before it is read."""
    server = scene.serve(*NO_TIMEOUTS)
    client = scene.connect()
    client.read_all()
    client.flood(scene.between(500, 5000), 2 * MIB)
    crowd = FloodingCrowd(scene.address, scene.between(250, 350))
    scene.at_end(crowd.stop)
    scene.until(lambda: scene.told().get("bytes_in"))
    set_share = scene.slow_down(server)
    share = 0.1

    def is_behind() -> bool:
        nonlocal share
        longest = scene.longest_without_a_read(5.0)
        if 1.5 < longest < 2.5:  # after 3 s without a word the loop counts as silent
            return True
        share *= 0.7 if longest <= 1.5 else 1.2
        set_share(share)
        return False

    scene.until(is_behind, 60)
    scene.told()  # figures are made only while somebody asks: the first ones may be late
