"""The demo's clients play every scene that its captions tell of, within a minute."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic, time

from app.cli.demo import end_clients
from app.load.demo_clients import start_clients
from app.watch.captions import SCENES, next_caption
from app.watch.state import State
from tests.faults.harness import FIGURES
from tests.peers import Running

MINUTE = 60.0


def test_every_scene_is_played_within_a_minute(serve: Callable[..., Running]) -> None:
    running = serve()
    clients = start_clients("127.0.0.1", running.server.port)
    try:
        first = seconds_to_each(running, monotonic() + MINUTE)
    finally:
        assert end_clients(clients) == []
    assert set(first) == set(SCENES)
    latest = max(first, key=first.__getitem__)
    FIGURES["demo: all scenes"] = f"{first[latest]:.0f} s, the last: {latest}"


def seconds_to_each(running: Running, deadline: float) -> dict[str, float]:
    """Watch until all scenes were played; return when each was, in seconds from now."""
    state, told, began = State(), dict[str, float](), monotonic()
    ready = threading.Event()
    while len(told) < len(SCENES) and monotonic() < deadline:
        state.apply(running.stream.drain(), time())
        caption = next_caption(state, time(), list(told))
        if caption is not None and caption.scene not in told:
            told[caption.scene] = monotonic() - began
        ready.wait(0.05)  # snapshots come without a notice
    return told
