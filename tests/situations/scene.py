"""One situation on real sockets: a server of its own, a client, and both sides' words about it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, Final

from app.cli.ctl.linking import fetch_state
from app.control.client_side.control_client import Link, hello
from app.watch.columns import facts_of

from .scripted_client import ScriptedClient
from .socket_facts import read_socket
from .true_codes import Sample

ROOT: Final = Path(__file__).parents[2]
START: Final = 40.0
"""Seconds in which the server must say where it listens."""
SLICE: Final = 0.2
"""Seconds from one stop of a slowed server to the next."""
_numbers: Final = count(1)


class Scene:
    """A server, the clients and the network of one situation; a context manager."""

    def __init__(self, chance: random.Random) -> None:
        """Every size, rate and pause of a situation is drawn from `chance`."""
        self.chance = chance
        self.namespace = ""
        """The network namespace of the server; empty is this process's."""
        self._peer_namespace = ""
        self.client: ScriptedClient
        """The client whose connection is judged."""
        self.address = ("127.0.0.1", 0)
        self._stack = contextlib.ExitStack()
        self._directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory("situation")))
        self.control = self._directory / "control.sock"

    def __enter__(self) -> Scene:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    # --- numbers ---

    def between(self, low: float, high: float) -> int:
        """A whole number of that range, the small ones as likely as the large ones."""
        return int(low * (high / low) ** self.chance.random())

    def draw_options(self) -> tuple[str, ...]:
        """A write mode, a poller and a number of workers."""
        mode = self.chance.choice(("direct", "armed"))
        poller = self.chance.choice(("select", "poll", "epoll", "epoll-et"))
        workers = self.chance.choice(("0", "0", "1", "2"))
        return ("--write-mode", mode, "--poller", poller, "--workers", workers)

    # --- the stage ---

    def own_network(self) -> None:
        """Run everything in a network namespace with a loopback of its own."""
        self.namespace = self._peer_namespace = self._add_namespace()

    def two_networks(self) -> None:
        """Give server and client a namespace each, joined by a cable with frames of 1,500 bytes."""
        self.namespace, self._peer_namespace = self._add_namespace(), self._add_namespace()
        peer = ("peer", "name", "cable", "netns", self._peer_namespace)
        _run("ip", "-n", self.namespace, "link", "add", "cable", "type", "veth", *peer)
        for number, namespace in enumerate((self.namespace, self._peer_namespace), 1):
            _run("ip", "-n", namespace, "address", "add", f"10.77.0.{number}/24", "dev", "cable")
            _run("ip", "-n", namespace, "link", "set", "cable", "up")
        self.address = ("10.77.0.1", 0)

    def unplug(self) -> None:
        """Take the client's end of the cable away from its network."""
        _run("ip", "-n", self._peer_namespace, "link", "set", "cable", "down")

    def _add_namespace(self) -> str:
        namespace = f"situation-{os.getpid()}-{next(_numbers)}"
        _run("ip", "netns", "add", namespace)
        self._stack.callback(_run, "ip", "netns", "delete", namespace)
        _run("ip", "-n", namespace, "link", "set", "lo", "up")
        return namespace

    def drop_packets(self, of_client: bool = True, of_server: bool = True) -> None:
        """Drop the judged connection's packets from now on, in one direction or in both."""
        ends = str(self.client.port), str(self.address[1])
        for (source, target), is_dropped in ((ends, of_client), (ends[::-1], of_server)):
            if is_dropped:
                ports = ("--sport", source, "--dport", target)
                rule = ("INPUT", "-p", "tcp", *ports, "-j", "DROP")
                _run("ip", "netns", "exec", self.namespace, "iptables", "-w", "-A", *rule)

    def let_packets_pass(self) -> None:
        """Drop no packet from now on."""
        _run("ip", "netns", "exec", self.namespace, "iptables", "-w", "-F", "INPUT")

    def lose_packets(self, share: float) -> None:
        """Lose a share of all packets, at random, from now on."""
        chance = ("-m", "statistic", "--mode", "random", "--probability", str(share))
        rule = ("INPUT", "-p", "tcp", *chance, "-j", "DROP")
        _run("ip", "netns", "exec", self.namespace, "iptables", "-w", "-A", *rule)

    def at_end(self, act: Callable[[], object]) -> None:
        """Have `act` called when the scene ends."""
        self._stack.callback(act)

    def serve(self, *options: str) -> subprocess.Popen[bytes]:
        """Start a server with these options; it ends with the scene."""
        command = [sys.executable, "-m", "app", "--no-ui", "--log-format", "json"]
        command += ["--control", str(self.control), *options, self.address[0], "0"]
        if self.namespace:
            command = ["ip", "netns", "exec", self.namespace, *command]
        log = self._directory / "log"
        with open(log, "wb") as out, open(self._directory / "stderr", "wb") as errors:
            process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=errors)
        self._stack.callback(_end, process)
        end = time.monotonic() + START
        while not (first := log.read_bytes().partition(b"\n"))[1]:
            assert time.monotonic() < end, (self._directory / "stderr").read_text()
            assert process.poll() is None, (self._directory / "stderr").read_text()
            time.sleep(0.02)
        self.address = (self.address[0], json.loads(first[0])["port"])
        return process

    def slow_down(self, process: subprocess.Popen[bytes]) -> Callable[[float], None]:
        """Stop and continue a server in turn; the function returned sets its share of the time."""
        shares, stopping = [1.0], threading.Event()

        def run() -> None:
            while not stopping.is_set():
                process.send_signal(signal.SIGSTOP)
                stopping.wait(SLICE * (1 - shares[0]))
                process.send_signal(signal.SIGCONT)
                stopping.wait(SLICE * shares[0])

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self.at_end(thread.join)
        self.at_end(stopping.set)
        return lambda share: shares.__setitem__(0, share)

    def longest_without_a_read(self, seconds: float) -> float:
        """Watch for so long; return how long the server left input unread at the longest."""
        longest, since, before = 0.0, time.monotonic(), -1
        end = since + seconds
        while (now := time.monotonic()) < end:
            facts = self.sample().facts
            assert facts, "the connection ended"
            if not facts.recv_q or facts.bytes_received - facts.recv_q != before:
                since, before = now, facts.bytes_received - facts.recv_q
            longest = max(longest, now - since)
            time.sleep(0.05)
        return longest

    def connect(self, receive_buffer: int = 0) -> ScriptedClient:
        """Connect a client; the first one is the one that is judged."""
        client = ScriptedClient(self.address, receive_buffer, self._peer_namespace)
        self._stack.callback(client.stop)
        if not hasattr(self, "client"):
            self.client = client
        return client

    def ctl(self, *arguments: str) -> list[dict[str, Any]]:
        """Ask the program; the JSON objects of its answer."""
        where = ["--control", str(self.control)]
        command = [sys.executable, "-m", "app", "ctl", arguments[0], *where, *arguments[1:]]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def ctl_beside(self, *arguments: str) -> None:
        """Give the program a command whose answer may come late; nobody waits for it."""
        where = ["--control", str(self.control)]
        command = [sys.executable, "-m", "app", "ctl", arguments[0], *where, *arguments[1:]]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        self._stack.callback(_end, process)

    def told(self) -> dict[str, Any]:
        """What the program says of the judged connection; empty if it lists none.

        These are the objects that ``ctl list --json`` prints, without the start of a process:
        the answer is of the moment of the question.
        """
        name = f":{self.client.port}"
        with Link.open(self.control, hello("ctl list")) as link:
            state, now = fetch_state(link)
        found = [facts_of(row, now) for row in state.live() if row.opened.peer.endswith(name)]
        return found[0] if found else {}

    def number(self) -> str:
        """The judged connection's id."""
        return str(self.told()["id"])

    # --- from outside ---

    def children(self, server: int) -> list[int]:
        """The processes that the server has started, in their order."""
        tasks = Path(f"/proc/{server}/task").glob("*/children")
        return sorted(int(pid) for task in tasks for pid in task.read_text().split())

    def sample(self) -> Sample:
        """Look at the judged connection with ss(8)."""
        facts = read_socket(self.address[1], self.client.port, self.namespace)
        client = self.client
        return Sample(time.monotonic(), facts, client.received, tuple(client.layout))

    def until(self, holds: Callable[[], object], seconds: float = 20.0) -> None:
        """Wait until the situation has arisen."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"did not arise in {seconds} s: {self.sample().facts}"
            time.sleep(0.05)


def can_be_root() -> bool:
    """Whether network namespaces and packet filters can be made here."""
    return os.geteuid() == 0 and all(map(shutil.which, ("ip", "iptables", "ss")))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    # `ip netns exec` becomes the program by exec: the id is the program's.
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
