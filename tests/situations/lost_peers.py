"""Peers that have vanished, in a network of their own."""

from __future__ import annotations

import time

from .labelling import ARMED, EDGE, KB, KIB, MIB, NO_TIMEOUTS, situation, variants
from .scene import Scene
from .slow_readers import stands_still

# --- a peer that has vanished -------------------------------------------------------------------


def _vanished(scene: Scene, low: int, high: int, options: tuple[str, ...] = ()) -> None:
    """A frame comes in; of its echo nothing arrives, and nothing comes back."""
    scene.own_network()
    scene.serve(*NO_TIMEOUTS, "--cap", "16MiB", *options)
    client = scene.connect()
    size = scene.between(low, high)
    client.send_frame(size, size // 2 + 2)
    scene.until(lambda: (facts := scene.sample().facts) and facts.bytes_received >= client.sent)
    # The rest comes in, but no answer gets out.
    scene.drop_packets(of_client=False)
    rest = size + 4 - client.sent
    client.send(bytes(rest))
    time.sleep(scene.between(50, 400) / 1000)
    scene.drop_packets(of_server=False)


variants(
    "does_not_answer", _vanished, {"needs_root": True},
    vanished_tiny={"low": 1, "high": 100},
    vanished_middle={"low": 1000, "high": 60 * KB},
    vanished_armed={"low": 1000, "high": 30 * KB, "options": ARMED},
    vanished_edge={"low": 1000, "high": 30 * KB, "options": EDGE},
    vanished_workers={"low": 100, "high": 30 * KB, "options": ("--workers", "2")},
)  # fmt: skip


@situation("does_not_answer", needs_root=True)
def vanished_in_full_flow(scene: Scene) -> None:
    scene.own_network()
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect(scene.between(32 * KIB, 200 * KIB))
    size = scene.between(50 * KB, MIB)
    client.send_frames_for_ever(lambda: size)
    client.read_all()
    scene.until(lambda: client.received > MIB)
    scene.drop_packets()


@situation("does_not_answer", needs_root=True)
def vanished_one_way(scene: Scene) -> None:
    """What the server sends is lost; the client's own packets still come in."""
    scene.own_network()
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect()
    client.ping_pong(lambda: 100)
    scene.until(lambda: client.received > 1000)
    scene.drop_packets(of_client=False)


@situation("draining_unacknowledged", needs_root=True)
def half_closed_and_vanished(scene: Scene) -> None:
    scene.own_network()
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect(16 * KIB)
    client.send_frame(scene.between(200 * KB, 900 * KB))
    client.half_close()
    scene.until(lambda: stands_still(scene))
    scene.drop_packets()


@situation("does_not_answer", needs_root=True)
def vanished_after_a_ping_pong(scene: Scene) -> None:
    """Of the last echo nothing arrives; a second client goes on."""
    scene.own_network()
    scene.serve(*NO_TIMEOUTS, *scene.draw_options())
    client, other = scene.connect(), scene.connect()
    other.ping_pong(lambda: 100, 0.05)
    size = scene.between(1, 60 * KB)
    client.ping_pong(lambda: size, scene.between(10, 100) / 1000)
    scene.until(lambda: client.received > 5 * size)
    scene.drop_packets(of_client=False)
    scene.until(lambda: (facts := scene.sample().facts) and facts.send_q > 0)
    scene.drop_packets(of_server=False)


@situation("does_not_answer", needs_root=True, after=5.0)
def vanished_behind_a_closed_window(scene: Scene) -> None:
    """Window probes stay unanswered; the next one goes out at most some seconds later."""
    scene.own_network()
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect(16 * KIB)
    size = scene.between(100 * KB, MIB)
    client.send_frames_for_ever(lambda: size)
    scene.until(lambda: stands_still(scene))
    scene.drop_packets()


@situation("between_frames", needs_root=True)
def vanished_while_idle(scene: Scene) -> None:
    """Nothing is in flight: nobody can know."""
    scene.own_network()
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect()
    size = scene.between(1, 1000)
    client.send_frame(size)
    assert client.read(size + 4)
    time.sleep(0.2)
    scene.drop_packets()


def _packets_are_lost(scene: Scene, share: float) -> None:
    """Some packets are lost, in both directions; the peer answers."""
    scene.own_network()
    scene.serve(*NO_TIMEOUTS)
    scene.lose_packets(share)
    client = scene.connect(32 * KIB)
    size = scene.between(50 * KB, MIB)
    client.send_frames_for_ever(lambda: size)
    client.read_steadily(scene.between(50 * KB, 150 * KB))
    scene.until(lambda: client.received > 100 * KB)


variants(
    "reads_slowly", _packets_are_lost, {"needs_root": True, "lasts": 3.0},
    one_packet_in_100_is_lost={"share": 0.01},
    one_packet_in_20_is_lost={"share": 0.05},
)  # fmt: skip


@situation("between_frames", needs_root=True, lasts=3.0)
def heartbeats_of_which_some_are_lost(scene: Scene) -> None:
    scene.own_network()
    scene.serve(*NO_TIMEOUTS)
    scene.lose_packets(0.05)
    client = scene.connect()
    size = scene.between(1, 1000)
    client.ping_pong(lambda: size, scene.between(20, 500) / 1000)
    scene.until(lambda: client.received >= size + 4)


def _healed(scene: Scene, rate: int) -> None:
    """All packets are lost for a while; then they arrive again."""
    scene.own_network()
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect(32 * KIB)
    size = scene.between(100, 10 * KB)
    if rate:
        client.send_frames_for_ever(lambda: size)
        client.read_steadily(rate)
    else:
        client.ping_pong(lambda: size, 0.05)
    scene.until(lambda: client.received > 20 * KB)
    scene.drop_packets(of_client=bool(rate))
    scene.until(lambda: scene.told().get("why_code") == "does_not_answer")
    scene.let_packets_pass()
    received = client.received
    scene.until(lambda: client.received > received + 20 * KB, 40)


variants("between_frames", _healed, {"needs_root": True}, healed={"rate": 0})
variants("reads_slowly", _healed, {"needs_root": True}, healed_and_reads_slowly={"rate": 60 * KB})


def _killed_and_vanished(scene: Scene, mode: str) -> None:
    """Ends, and its peer does not answer: all that is written stays unacknowledged."""
    scene.own_network()
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect(16 * KIB)
    size = scene.between(100 * KB, 900 * KB)
    client.send_frame(size)
    scene.until(lambda: stands_still(scene))
    scene.drop_packets()
    scene.ctl_beside("kill", "--mode", mode, "--json", scene.number())
    time.sleep(0.5)


variants(
    "draining_unacknowledged", _killed_and_vanished, {"needs_root": True},
    vanished_and_killed_close={"mode": "close"},
    vanished_and_killed_drain={"mode": "drain"},
)  # fmt: skip


@situation("does_not_answer", needs_root=True, after=5.0)
def unplugged(scene: Scene) -> None:
    """The peer's machine goes while the server sends to it; its address is not resolved again."""
    scene.two_networks()
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect(scene.between(16 * KIB, 64 * KIB))
    size = scene.between(1 * KB, 400 * KB)
    client.send_frames_for_ever(lambda: size)
    # Slower than the server sends: something is always in flight, or waits for the window.
    client.read_steadily(scene.between(300 * KB, 900 * KB), 0.01)
    scene.until(lambda: client.received > 400 * KB)
    scene.unplug()


@situation("window_closed", needs_root=True)
def never_reads_over_small_segments(scene: Scene) -> None:
    scene.two_networks()
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect(scene.between(8 * KIB, 64 * KIB))
    size = scene.between(1 * KB, 400 * KB)
    client.send_frames_for_ever(lambda: size)
    scene.until(lambda: stands_still(scene))


@situation("reads_slowly", needs_root=True, lasts=4.0)
def reads_slowly_over_small_segments(scene: Scene) -> None:
    scene.two_networks()
    scene.serve(*NO_TIMEOUTS)
    client = scene.connect(scene.between(8 * KIB, 24 * KIB))
    size = scene.between(1 * KB, 400 * KB)
    client.send_frames_for_ever(lambda: size)
    client.read_steadily(scene.between(10 * KB, 100 * KB))
    scene.until(lambda: client.received > 50 * KB)
