"""Every size from 20x5 to 250x70, changed under load with panels and dialogs open.

The sizes are random, from a seed that the failure names. Nothing may crash, no two widgets may
overlap, and each line is as wide as the terminal.
"""

from __future__ import annotations

import itertools
import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.dom import DOMNode
from textual.geometry import Region
from textual.screen import Screen
from textual.widget import Widget

from app.core.events import ConnectionState, Event, Reason
from app.core.framing import frame, header
from app.ui import commanding_app
from app.ui.app import SMALLEST, EchoApp
from app.ui.dialogs import Dialog
from screenshots.scenes import overview
from tests.making import NOW, FixedSource, closed, opened, snapshot
from tests.terminal import Terminal
from tests.ui.driving import refresh, resize
from tests.ui.test_manners import PlannedRecording
from tests.ui.test_terminal import wait_for_port

pytestmark = pytest.mark.slow
LEAST, MOST = (20, 5), (250, 70)
ALWAYS = [LEAST, SMALLEST, (80, 24), (20, 70), MOST, (250, 5), (59, 15)]
RANDOM_SIZES = 4
OPEN = {
    "table": (),
    "charts": ("v",),
    "last-bytes": ("B",),
    "bytes": ("b",),
    "closed": ("C",),
    "log": ("l",),
    "filter": ("slash", *"id>3"),
    "mistake": ("slash", *"idle>5 or peer:127 nothing("),
    "filtered": ("slash", *"id>3", "enter"),
    "kill": ("k",),
    "kill-several": ("slash", *"id>3", "enter", "K"),
    "cap": ("c", *["backspace"] * 9, *"40KiB"),
    "settings": ("t", *["backspace"] * 9, *"x"),
    "columns": ("o",),
    "audit": ("a",),
    "help": ("question_mark",),
    "palette": ("ctrl+p",),
    "palette-typed": ("ctrl+p", *"the"),
    "record": ("R",),
    "suspend": ("ctrl+z",),
    "quit": ("q",),
    "help-over-kill": ("k", "f1"),
    "view": ("V",),
    "groups": ("O",),
    "page": ("enter",),
}


def sizes(seed: str) -> list[tuple[int, int]]:
    chosen = random.Random(seed)
    others = [
        (chosen.randint(LEAST[0], MOST[0]), chosen.randint(LEAST[1], MOST[1]))
        for _ in range(RANDOM_SIZES)
    ]
    every = [*ALWAYS, *others]
    chosen.shuffle(every)
    return every


def load(seed: str) -> Iterator[list[Event]]:
    """Yield what happens between two sizes: opens, closes, and echoes of all lengths."""
    chosen = random.Random(seed)
    for number in itertools.count(100):
        events: list[Event] = [opened(number, age=0.0, peer=f"[fe80::{number:x}%eth0]:{number}")]
        if number % 3 == 0:
            events.append(closed(number - 1, chosen.choice(list(Reason)), ago=0.0))
        for each in chosen.sample(range(2, 30), 5):
            size = 10 ** chosen.randint(0, 9)
            events.append(
                snapshot(each, ConnectionState.WRITE_BODY, out=(size // 3, size), at=NOW + number)
            )
        yield events


def stacked(parent: Widget) -> Iterator[Widget]:
    """Yield the children that lie beside each other: seen, and in no layer of their own."""
    for child in parent.children:
        is_seen = child.display and child.visible and child.region.area
        is_above = child.layer != "default" or child.styles.overlay == "screen"
        if is_seen and not is_above and not child.styles.is_docked:
            yield child


def overlapping(screen: Screen[object]) -> list[str]:
    found = []
    parents: list[Widget] = [screen]
    while parents:
        parent = parents.pop()
        inside = list(stacked(parent))
        for one, other in itertools.combinations(inside, 2):
            if one.region.intersection(other.region).area:
                found.append(f"{name(one)} {one.region} and {name(other)} {other.region}")
        parents += inside
    return found


def name(node: DOMNode) -> str:
    return f"{type(node).__name__}#{node.id}"


def judge(app: EchoApp, size: tuple[int, int]) -> None:
    whole = Region(0, 0, *size)
    for screen in app.screen_stack:
        assert not overlapping(screen)
        if isinstance(screen, Dialog):
            (box,) = screen.query(".dialog")
            assert whole.contains_region(box.region), (box.region, size)
            is_large = size[0] >= SMALLEST[0] and size[1] >= SMALLEST[1]
            for each in screen.query("Button, Input"):
                region = each.region
                assert not region.area or region.right <= box.content_region.right, name(each)
                assert region.area or not is_large, name(each)
    strips = app.screen._compositor.render_strips()
    assert {strip.cell_length for strip in strips} == {size[0]}
    assert len(strips) == size[1]


@pytest.mark.parametrize("what", OPEN)
async def test_nothing_overlaps_and_nothing_crashes(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commanding_app, "has_job_control", lambda: True)
    source = FixedSource(overview())
    app = EchoApp(source, recorder=PlannedRecording(), control="/run/user/1000/echo-tui/9000.sock")
    seed = what
    async with app.run_test(size=(160, 50)) as pilot:
        await refresh(app, pilot)
        await pilot.press(*OPEN[what])
        await refresh(app, pilot)
        for size, events in zip(sizes(seed), load(seed), strict=False):
            source.feed(*events)
            source.time += 0.7
            await resize(app, pilot, *size)
            await refresh(app, pilot)
            try:
                judge(app, size)
            except AssertionError as error:
                raise AssertionError(f"{what} at {size[0]}x{size[1]}: {error}") from None
        app.exit(0)
    assert app.return_code == 0


def test_a_real_terminal_changes_its_size_under_load(tmp_path: Path) -> None:
    seed = "a real terminal"
    options = ("--control", str(tmp_path / "s"), "127.0.0.1", "0")
    with Terminal(*options, columns=140) as terminal:
        port = wait_for_port(terminal)
        peers = [socket.create_connection(("127.0.0.1", port)) for _ in range(30)]
        for peer in peers[::3]:
            peer.sendall(header(9000) + b"x" * 40)
        keys = itertools.cycle(["k", "\x1b", "v", "c", "\x1b", "?", "\x1b", "v", "o", "\x1b", "b"])
        for (columns, lines), key in zip(sizes(seed), keys, strict=False):
            for peer in peers[1::3]:
                peer.sendall(frame(b"a frame"))
            terminal.press(key)
            terminal.resize(columns, lines)
            until = time.monotonic() + 0.3
            while time.monotonic() < until:
                terminal._take(0.05)
        terminal.press("\x1b")
        terminal.resize(140, 40)
        terminal.wait_for(lambda screen: "? Help" in screen.split("\n")[-1])
        for peer in peers:
            peer.close()
        terminal.wait_for(lambda screen: " 0 open" in screen)
        terminal.press("q")
        assert terminal.exit_code() == 0
        assert terminal.restored()
