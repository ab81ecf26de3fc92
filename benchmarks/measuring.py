"""One measurement: one server, one scenario, one run of the load generator."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from benchmarks import native
from benchmarks.running import Running, ServerFailedError, running
from benchmarks.scenarios import Kind, Scenario
from benchmarks.servers import HOST, Server

LOAD_LIMIT = 75.0
"""Seconds beyond the measured ones that a load may take: its own limits add up to less."""

PRIME = 0.05
"""Seconds of load before the measured one."""

MEMORY_SETTLE = 0.5
"""Seconds between the last greeting and the look at the memory."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """The result of one run. Latencies in microseconds, of the measured window only."""

    frames_per_s: float = 0.0
    megabytes_per_s: float = 0.0  # of bodies, one way
    p50_us: float = 0.0
    p99_us: float = 0.0
    p999_us: float = 0.0
    load_busy: float = 0.0  # CPU seconds of the load generator in a second
    server_busy: float = 0.0  # the same of the server's processes together
    server_us_per_frame: float = 0.0  # CPU microseconds
    memory_per_connection: float = 0.0  # bytes
    started_s: float = 0.0
    failure: str = ""

    def figure(self, kind: Kind) -> float:
        """The number that a scenario is about."""
        if kind is Kind.MEMORY:
            return self.memory_per_connection
        return self.started_s if kind is Kind.START else self.frames_per_s


def measure(server: Server, scenario: Scenario, seconds: float) -> Measurement:
    """Start the server, run the load on it, stop both."""
    try:
        with cores(scenario), running(server) as target:
            if scenario.kind is Kind.START:
                return Measurement(started_s=target.started_s)
            return run_load(target, scenario, seconds)
    except ServerFailedError as problem:
        return Measurement(failure=str(problem))


def measure_in_turns(
    servers: list[Server], scenario: Scenario, seconds: float, turns: int
) -> Iterator[tuple[Server, Measurement]]:
    """Start all servers and measure them turn and turn about, every other turn backwards.

    What is compared is a second apart, not a start and a stop; the luck that a process has with its
    memory is the same for all of its turns, so a run needs several rounds too.
    """
    with cores(scenario), contextlib.ExitStack() as stack:
        alive: list[tuple[Server, Running]] = []
        for server in servers:
            try:
                alive.append((server, stack.enter_context(running(server))))
            except ServerFailedError as problem:
                yield server, Measurement(failure=str(problem))
        for turn in range(turns):
            for server, target in alive if turn % 2 == 0 else reversed(alive):
                try:
                    yield server, run_load(target, scenario, seconds)
                except ServerFailedError as problem:
                    yield server, Measurement(failure=str(problem))


@contextlib.contextmanager
def cores(scenario: Scenario) -> Iterator[None]:
    """Keep what is started in the `with` on the cores of the scenario, by inheritance."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)} if scenario.one_core else allowed)
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def prime(target: Running, scenario: Scenario) -> None:
    """Have one client come and go, as every server that has run for a while has seen.

    It matters: asyncio allocates 256 KiB a recv, and until the first EOF has freed such a block
    whole, glibc maps and unmaps it for every frame, at a fifth of the frames a second.
    """
    client = replace(scenario, connections=1, idle=0, slow=0, kind=Kind.ECHO)
    for _ in load_lines(target, client, PRIME):
        pass


def run_load(target: Running, scenario: Scenario, seconds: float) -> Measurement:
    prime(target, scenario)
    before = target.memory()
    memory = 0.0
    result: dict[str, Any] = {}
    for line in load_lines(target, scenario, seconds):
        result = json.loads(line)
        if result["event"] == "ready" and scenario.kind is Kind.MEMORY:
            time.sleep(MEMORY_SETTLE)
            memory = (target.memory() - before) / scenario.idle
    if result.get("event") != "result":
        raise ServerFailedError("the load generator did not finish")
    errors = {name: result[name] for name in ("wrong", "lost", "missing") if result[name]}
    frames = result["frames"]
    cpu = result["server_cpu_s"]
    return Measurement(
        frames_per_s=result["frames_per_s"],
        megabytes_per_s=result["megabytes_per_s"],
        p50_us=result["p50_us"],
        p99_us=result["p99_us"],
        p999_us=result["p999_us"],
        load_busy=result["load_busy"],
        server_busy=cpu / result["seconds"],
        server_us_per_frame=cpu / frames * 1e6 if frames else 0.0,
        memory_per_connection=memory,
        started_s=target.started_s,
        failure=", ".join(f"{count} {name}" for name, count in errors.items()),
    )


def load_lines(target: Running, scenario: Scenario, seconds: float) -> Iterator[str]:
    """The load generator's lines as they come; it is ended whatever happens."""
    command = [str(native.BUILD / "load"), HOST, str(target.port), "--json"]
    command += ["--cpu-of", target.pids(), *scenario.load_arguments(seconds)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    timer = threading.Timer(LOAD_LIMIT + seconds, process.kill)
    timer.start()
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        yield from process.stdout
        if process.wait() not in {0, 1}:
            raise ServerFailedError(process.stderr.read().strip() or "the load was ended")
    finally:
        timer.cancel()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.communicate()
