"""The loop, a held one and both loops of the lab, as fixed events: for pictures and snapshots."""

from __future__ import annotations

from typing import Final

import msgspec

from app.core.events import POLLIN, POLLOUT, ConnectionState, Event, Listening
from app.core.iteration import Iteration, KernelCall, Served
from app.core.queues import Kernel
from app.core.statistics import LoopStats
from app.core.stepping import LoopHeld, Stepped
from app.ui.lab_loops import SideLoop
from screenshots.scenes import SLOW_READER, overview
from tests.making import NOW, listening, opened, snapshot

STEPPING: Final = msgspec.structs.replace(listening(), step=True)
CYCLE: Final = ("READ_LEN", "READ_BODY", "WRITE_BODY", "READ_LEN")
LISTENER: Final = Served(
    "listener", 3, 0, POLLIN, POLLIN,
    (KernelCall("accept", 0, 9, us=21), KernelCall("watch", POLLIN, 0, us=3),
     KernelCall("accept", 0, 10, us=18), KernelCall("watch", POLLIN, 0, us=2),
     KernelCall("accept", 0, -1, "EAGAIN", 4)), 48,
)  # fmt: skip
ECHOED: Final = Served(
    "connection", 9, 1, POLLIN, POLLIN,
    (KernelCall("read", 65_536, 68, us=9), KernelCall("write", 68, 68, us=14)), 23, CYCLE,
)  # fmt: skip
PARTIAL: Final = Served(
    "connection", 10, 2, POLLIN, POLLIN,
    (KernelCall("read", 409_608, 409_604, us=88), KernelCall("write", 409_604, 65_448, us=61),
     KernelCall("arm", POLLOUT, 0, us=4)), 153, CYCLE[:3],
)  # fmt: skip
WOKEN: Final = Served(
    "connection", 11, 3, POLLOUT, POLLOUT, (KernelCall("write", 900, -1, "EAGAIN", 3),), 3,
    ("WRITE_BODY",), progress=False,
)  # fmt: skip
SEEN: Final = (
    Iteration(NOW - 1.0, 811, 912_400, 6, 52, 0, 50, 4, (LISTENER,)),
    Iteration(NOW - 0.9, 812, 340, 8, 198, 12, 120, 6, (ECHOED, PARTIAL, WOKEN)),
)
CALLS: Final = (
    Stepped(NOW, 40, "poll", -1, 0, 0, 2, "", 1_204, 1),
    Stepped(NOW, 41, "read", 9, 1, 65_536, 68, "", 9, 5),
    Stepped(NOW, 42, "write", 9, 1, 68, 68, "", 14, 6),
    Stepped(NOW, 43, "read", 10, 2, 409_608, 409_604, "", 88, 5),
)
HELD: Final = LoopHeld(NOW, "write", 10, 2, "breakpoint 1, #2", 43, 6)
CONNECTIONS: Final = (
    opened(1), snapshot(1), opened(2), snapshot(2, ConnectionState.WRITE_BODY, out=(0, 409_604)),
    Kernel(NOW, 2, 4_096, 65_448, 2_626_560),
)  # fmt: skip
SIDES: Final = (
    SideLoop("poll", "", "ready = poll(interest, timeout)", CALLS, SEEN),
    SideLoop("", "accept of fd 3, 2.1 s", "", CALLS, SEEN),
)
"""The right loop of the lab, held, and the wrong one, which waits in a call."""
NEVER_ASLEEP: Final = tuple(
    Iteration(
        NOW - 1 + number / 1e4, 48_200 + number, 0, 3, 31, 0, 30, 6,
        tuple(Served("connection", fd, 0, POLLIN | POLLOUT, POLLOUT,
                     (KernelCall("read", 4, -1, "EAGAIN", 4),), 5, ("READ_LEN",), False)
              for fd in range(5, 10)),
    )
    for number in range(6)
)  # fmt: skip
"""A loop that has POLLOUT registered while there is nothing to send."""
SPINNING: Final = (
    SideLoop("poll", "", "ready = poll(interest, timeout)", CALLS[:3], SEEN[:1]),
    SideLoop(
        "poll",
        "",
        "for fd, revents in self.pfds.poll():",
        (
            *(Stepped(NOW, 90 + fd, "read", fd, 0, 4, -1, "EAGAIN", 4, -1) for fd in range(5, 10)),
            Stepped(NOW, 100, "poll", -1, 0, 0, 5, "", 6, -1),
        ),
        NEVER_ASLEEP,
    ),
)
"""Both loops of `pollout-always`, held."""


def _connection(fd: int, connection_id: int, size: int, us: int) -> Served:
    calls = KernelCall("read", 65_536, size, us=us // 3), KernelCall("write", size, size, us=us)
    return Served("connection", fd, connection_id, POLLIN, POLLIN, calls, us, CYCLE)


_LARGE: Final = Served(
    "connection", 18, 10, POLLOUT, POLLOUT,
    (KernelCall("write", 262_148, 131_072, us=71),), 73, ("WRITE_BODY",),
)  # fmt: skip
_BODY: Final = Served(
    "connection", 23, 15, POLLIN, POLLIN, (KernelCall("read", 300_000, 65_536, us=33),), 34,
    ("READ_BODY",),
)  # fmt: skip
_ARMED: Final = Served(
    "connection", 18, 10, POLLIN, POLLIN,
    (KernelCall("read", 1_048_580, 1_048_580, us=412),
     KernelCall("write", 1_048_580, 786_432, us=390), KernelCall("arm", POLLOUT, 0, us=4)),
    808, CYCLE[:3],
)  # fmt: skip
ITERATIONS: Final = (
    Iteration(NOW - 0.90, 902_113, 12_210, 9, 61, 0, 58, 37, (LISTENER,)),
    Iteration(NOW - 0.86, 902_114, 1_204, 7, 838, 0, 826, 39, (_connection(12, 4, 68, 21), _ARMED)),
    Iteration(NOW - 0.80, 902_115, 344, 8, 152, 41, 190, 39,
              (_connection(10, 2, 20, 17), _connection(11, 3, 20, 15), _BODY, _LARGE)),
    Iteration(NOW - 0.70, 902_116, 96, 6, 29, 0, 27, 39,
              (_connection(12, 4, 68, 19), msgspec.structs.replace(WOKEN, fd=17, id=9))),
)  # fmt: skip
"""Iterations of the server of the overview."""
_STEPS: Final = (
    Stepped(NOW, 71, "poll", -1, 0, 0, 4, "", 344, 1),
    Stepped(NOW, 72, "read", 10, 2, 65_536, 20, "", 6, 5),
    Stepped(NOW, 73, "write", 10, 2, 20, 20, "", 12, 6),
    Stepped(NOW, 74, "read", 11, 3, 65_536, 20, "", 5, 5),
    Stepped(NOW, 75, "write", 11, 3, 20, 20, "", 11, 6),
)


def watched_loop(step: bool = False) -> list[Event]:
    """Make the overview of a server whose loop is looked at."""
    events: list[Event] = []
    for event in overview():
        match event:
            case Listening():
                events.append(msgspec.structs.replace(event, step=step))
            case LoopStats():
                events.append(_observed(event))
            case _:
                events.append(event)
    return [*events, *ITERATIONS]


def held_loop() -> list[Event]:
    """Make the same server, held before it writes to its slow reader."""
    held = LoopHeld(NOW, "write", 17, SLOW_READER, f"breakpoint 1, #{SLOW_READER}", 75, 4)
    return [*watched_loop(step=True), *_STEPS, held]


def _observed(stats: LoopStats) -> LoopStats:
    """Add the shares of the loop's time, as they grow from second to second."""
    second = round(stats.t - NOW + 31)
    return msgspec.structs.replace(
        stats,
        observed=stats.polls,
        asleep_us=second * 681_000,
        polling_us=second * 24_000,
        serving_us=second * 277_000,
        telling_us=second * 18_000,
    )
