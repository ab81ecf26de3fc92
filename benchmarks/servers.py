"""The servers that are measured, by name, and how each is started."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import native
from benchmarks.scenarios import SELECT_LIMIT, Scenario

ROOT = Path(__file__).resolve().parent.parent
"""The folder that servers are started in: the repository's."""

HOST = "127.0.0.1"
PORT = "{port}"
"""Replaced by a free port for the servers that cannot be asked for theirs."""

SCRATCH = "{scratch}"
"""Replaced by a folder of the run's own, for sockets and recordings."""

SPARE_DESCRIPTORS = 64
"""Descriptors that a server needs at most besides its connections."""


@dataclass(frozen=True, slots=True)
class Server:
    """One server: the command that starts it, and what it asks of the machine."""

    name: str
    command: tuple[str, ...]
    module: str = ""  # a package that must be installed
    on_terminal: bool = False  # runs in a terminal of its own, 160 columns by 50 lines
    watcher: tuple[str, ...] = ()  # a second program, on a terminal, that watches the first
    most_connections: int = 0  # 0: no limit of its own
    stops_for_slow: bool = False  # it waits for a peer that does not read
    native: bool = False
    folder: Path = ROOT  # started in it: ``python -m app`` takes the package from there

    def reason_to_skip(self, scenario: Scenario) -> str:
        """Why this server cannot take part in a scenario; empty if it can."""
        if self.native and not native.compiler():
            return "no C compiler"
        if self.module and importlib.util.find_spec(self.module) is None:
            return f"{self.module} is not installed"
        if self.stops_for_slow and scenario.slow:
            return "a slow reader stops it"
        if self.most_connections and scenario.total > self.most_connections:
            return f"holds at most {self.most_connections} connections"
        return ""


ROOM = ("--max-connections", "12000")
"""Our default of 10,000 would refuse the busy ones among 10,000 idle; all else is as it comes."""


def app_command(*words: str) -> tuple[str, ...]:
    """``echo-tui`` with these words, of this very checkout."""
    return (sys.executable, "-m", "app", *words)


def echo_tui(name: str, *options: str, watcher: tuple[str, ...] = (), most: int = 0) -> Server:
    """Our server without its dashboard."""
    room = () if most else ROOM
    command = app_command("--no-ui", *room, *options, HOST, "0")
    return Server(name, command, watcher=watcher, most_connections=most)


def dashboard(name: str, *options: str) -> Server:
    """Our server with its dashboard open."""
    return Server(name, app_command(*ROOM, *options, HOST, PORT), on_terminal=True)


def peer(name: str, file: str, *options: str, module: str = "", most: int = 0) -> Server:
    """A server of `benchmarks/peers`, with options of its own."""
    command = (sys.executable, "-m", f"benchmarks.peers.{file}", HOST, "0", *options)
    return Server(name, command, module=module, most_connections=most)


def of_checkout(server: Server, folder: Path) -> Server:
    """The same server of ours, of another checkout of the project."""
    return replace(server, name=f"{server.name} in {folder}", folder=folder.resolve())


UVLOOP = ("--loop", "uvloop")
CONTROL = f"{SCRATCH}/control"

SERVERS = (
    # Neighbours in the table are neighbours in time: what is compared most stands together.
    echo_tui("echo-tui"),
    peer("uvloop-protocol", "asyncio_protocol", *UVLOOP, module="uvloop"),
    Server("c-epoll", (str(native.BUILD / "echo"), HOST, "0"), native=True),
    replace(peer("python-bare", "python_bare"), stops_for_slow=True),
    echo_tui("echo-tui-poll", "--poller", "poll"),
    echo_tui("echo-tui-select", "--poller", "select", most=SELECT_LIMIT - SPARE_DESCRIPTORS),
    dashboard("echo-tui-dashboard"),
    dashboard("echo-tui-dashboard-worker", "--workers", "1"),
    echo_tui("echo-tui-workers-2", "--workers", "2"),
    echo_tui("echo-tui-recording", "--record", f"{SCRATCH}/recording"),
    echo_tui(
        "echo-tui-attached",
        "--control",
        CONTROL,
        watcher=app_command("attach", "--control", CONTROL),
    ),
    peer("echo-tui-watched", "events", "--events", "watched"),
    peer("echo-tui-no-events", "events", "--events", "none"),
    peer("uvloop-buffered", "uvloop_buffered", module="uvloop"),
    peer("uvloop-streams", "asyncio_streams", *UVLOOP, module="uvloop"),
    peer("asyncio-protocol", "asyncio_protocol"),
    peer("asyncio-streams", "asyncio_streams"),
    peer("twisted", "twisted_int32", module="twisted"),
    peer("gevent", "gevent_streams", module="gevent"),
    peer("threads", "threads"),
    peer("blocking", "blocking", most=1),
)
