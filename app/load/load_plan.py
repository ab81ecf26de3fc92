"""The plan of a load run, and its division among the processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Annotated, Final

from msgspec import Struct
from msgspec.structs import replace

from ..core.addresses import format_address
from ..core.printable import printable
from ..core.settings import PeerPort, Rule, SettingError, bounds, judge_all
from .sizes import Sizes

PROFILES: Final = {
    "slow-reader": "sends far ahead of what it reads, 64 KiB a second",
    "dribbler": "sends the start of each frame one byte at a time, 20 a second",
    "oversize": "announces a body of 4 GiB, which must be refused",
    "half-close": "sends, ends its side, and still wants every echo",
    "reset": "sends, and resets the connection with echoes unread",
}
"""The profiles of misbehaving clients, each with its description."""
_COUNT: Final = Rule(
    "profile", Annotated[int, bounds(1, 1000, option="--profile: the count of a profile")]
)


class LoadShare(Struct, frozen=True, kw_only=True):
    """The part of one process: connections that are measured, or clients that misbehave."""

    family: int
    """An address family of `socket`."""
    address: tuple[str | int, ...]
    sizes: Sizes
    seed: int
    depth: int
    connections: int = 0
    first: int = 0
    """The number of the first connection; numbers continue from process to process."""
    rate: float = 0.0
    """Frames per second of this process; 0 means a closed loop."""
    duration: float = 0.0
    """Seconds; 0 means until `frames` are echoed."""
    frames: int = 0
    """Frames to send; 0 means as many as `duration` allows."""
    connect_rate: float
    timeout: float
    """Seconds without a byte after which a connect, or an echo at the end, is given up."""
    profiles: tuple[tuple[str, int], ...] = ()


class LoadPlan(Struct, frozen=True, kw_only=True):
    """The whole run. Making one raises `SettingError` for a value that is out of range."""

    host: str
    port: PeerPort
    connections: Annotated[int, bounds(0, 100_000, "Connections to open.")] = 64
    depth: Annotated[
        int,
        bounds(
            1,
            10_000,
            "Frames in flight on each connection.  [default: 1; with --rate at most 64]",
        ),
    ] = 1
    sizes: Sizes
    rate: Annotated[
        float,
        bounds(
            0,
            10_000_000,
            "Frames per second in all, sent when due; latency counts from then.  "
            "[default: the next frame as soon as an echo is back]",
            unit="frames/s (0 = as fast as the echoes come)",
            metavar="R",
        ),
    ] = 0.0
    duration: Annotated[
        float, bounds(0.01, 604_800, "Seconds.  [default: 10, unless --frames]", unit="s")
    ] = 0.0
    """0 is until `frames` are echoed."""
    frames: Annotated[int, bounds(1, 10**12, "End after N frames in all.")] = 0
    """0 is as many as `duration` allows."""
    processes: Annotated[int, bounds(1, 64, "Processes that share the connections.")] = 1
    connect_rate: Annotated[
        float,
        bounds(
            1,
            1_000_000,
            "Connections opened per second, before the clock starts.",
            unit="a second",
            metavar="R",
        ),
    ] = 2000.0
    timeout: Annotated[
        float,
        bounds(
            0.01,
            3600,
            "Seconds without a byte after which a connect or the last echoes are given up.",
            unit="s",
        ),
    ] = 5.0
    seed: Annotated[int, bounds(0, 2**63 - 1, "Seed of the bodies and their sizes.")] = 1
    profiles: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        judge_all(self)
        if not (self.duration or self.frames):
            raise SettingError("--duration or --frames must say when to end")
        if not (self.connections or self.profiles):
            raise SettingError("--connections 0 needs a --profile: else there is nothing to do")
        if self.profiles and not self.duration:
            raise SettingError("--profile needs --duration: a profile goes on until the time is up")

    @property
    def where(self) -> str:
        """The address of the server as text for a person."""
        return format_address((printable(self.host, 100), self.port))

    def shares(self, family: int, address: tuple[str | int, ...]) -> Iterator[LoadShare]:
        """Yield one share per process; all misbehaving clients run in a process of their own."""
        share = LoadShare(
            family=family,
            address=address,
            sizes=self.sizes,
            seed=self.seed,
            depth=self.depth,
            duration=self.duration,
            connect_rate=max(1.0, self.connect_rate / self.processes),
            timeout=self.timeout,
        )
        total = self.connections
        processes = min(self.processes, total)
        starts = [total * index // processes for index in range(processes)]
        for first, end in pairwise([*starts, total]):
            connections = end - first
            frames = self.frames * end // total - self.frames * first // total
            if frames or not self.frames:
                rate = self.rate * connections / total
                yield replace(share, first=first, connections=connections, rate=rate, frames=frames)
        if self.profiles:
            yield replace(share, profiles=self.profiles)


def sum_profiles(texts: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Add up the clients of profiles, each named once or more. Raises `SettingError`."""
    clients: Counter[str] = Counter()
    for text in texts:
        name, count = parse_profile(text)
        clients[name] += count
        _COUNT.judge(clients[name])
    return tuple(clients.items())


def parse_profile(text: str) -> tuple[str, int]:
    """Read ``NAME`` or ``NAME:COUNT``. Raises `SettingError`."""
    name, colon, number = text.partition(":")
    if name not in PROFILES:
        raise SettingError(f"--profile {printable(text)!r}: choose from {', '.join(PROFILES)}")
    return name, _COUNT.read(number) if colon else 1
