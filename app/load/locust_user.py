"""A Locust user class for the protocol, to load a server from several machines.

    pip install 'echo-tui[load]'

In a locustfile, subclass `FramedUser` and call `self.client.echo(body)` in tasks; docs/load.md has
a whole one. Importing this module imports Locust, which patches the standard library with gevent.

Locust rounds response times to whole milliseconds (`bucket_response_time` in its `stats.py`), which
gives 0 for most echoes. So we keep a histogram in microseconds of our own. Each worker sends its
histogram with its regular report; the master adds them up and prints the sum when Locust quits,
which is after the last report of every worker (at Locust's `test_stop` some have not come yet).
"""

from __future__ import annotations

import logging
import sys
from typing import Any, Final

from locust import User, events
from locust.env import Environment
from locust.runners import WorkerRunner

from ..core.histogram import Histogram
from .framed_client import REQUEST_TYPE, EchoError, FramedClient, split_address
from .outcome import HISTOGRAM_BITS
from .report import figures, histogram_lines

REPORT_KEY = "echo_tui_latency"
MOST_DETAILS: Final = 10
"""Failures that a process logs in detail; Locust's table counts all of them by kind."""
_log = logging.getLogger("echo-tui")


class FramedUser(User):  # type: ignore[misc]
    """A user with one connection; `host` (Locust's ``--host``) is ``HOST:PORT``."""

    abstract = True
    timeout = 10.0
    """Seconds for the connection, and for each wait for the server."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        host, port = split_address(self.host or "127.0.0.1")
        self.client = FramedClient(host, port, environment.events.request, self.timeout)

    def on_stop(self) -> None:
        """Close the connection; Locust calls this when a user stops."""
        self.client.close()


class Microseconds:
    """The latencies of right echoes, of this process and of the reports of its workers."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._latency = Histogram(HISTOGRAM_BITS)
        self._by_worker: dict[str, int] = {}
        self._has_begun = False
        self._details = 0
        environment.events.test_start.add_listener(self._begin)
        environment.events.request.add_listener(self._record)
        environment.events.report_to_master.add_listener(self._send)
        environment.events.worker_report.add_listener(self._add)
        environment.events.quitting.add_listener(self._judge)
        environment.events.quit.add_listener(self._print)

    def _begin(self, **_fields: Any) -> None:
        self._latency = Histogram(HISTOGRAM_BITS)
        self._by_worker = {}
        self._has_begun = True

    def _record(
        self, request_type: str, response_time: float, exception: Exception | None, **_fields: Any
    ) -> None:
        if request_type == REQUEST_TYPE and exception is None:
            self._latency.record(round(response_time * 1000))
        elif isinstance(exception, EchoError) and self._details < MOST_DETAILS:
            self._details += 1
            _log.warning(exception.detail)

    def _send(self, client_id: str, data: dict[str, Any]) -> None:
        data[REPORT_KEY] = self._latency.to_counts()
        self._latency = Histogram(HISTOGRAM_BITS)

    def _add(self, client_id: str, data: dict[str, Any]) -> None:
        received = Histogram.from_counts(data.get(REPORT_KEY, ()), HISTOGRAM_BITS)
        self._latency.merge(received)
        self._by_worker[client_id] = self._by_worker.get(client_id, 0) + received.count

    def _judge(self, **_fields: Any) -> None:
        """Set exit code 1 for a run without a single right echo."""
        environment = self._environment
        ours = any(issubclass(user, FramedUser) for user in environment.user_classes)
        is_worker = isinstance(environment.runner, WorkerRunner)
        if not ours or is_worker or not self._has_begun or self._latency.count:
            return
        if environment.process_exit_code is None:
            environment.process_exit_code = 1

    def _print(self, **_fields: Any) -> None:
        if isinstance(self._environment.runner, WorkerRunner):
            return
        print(f"echo-tui: {self._latency.count:,} right echoes; {figures(self._latency)}")
        for worker, echoes in sorted(self._by_worker.items()):
            print(f"  worker {worker}: {echoes:,} right echoes")
        if self._latency.count:
            print("\n".join(histogram_lines(self._latency, sys.stdout.encoding)))


@events.init.add_listener  # type: ignore[untyped-decorator]
def _measure(environment: Environment, **_fields: Any) -> None:
    Microseconds(environment)
