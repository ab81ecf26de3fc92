"""A server and what runs beside it: fan-out, metrics page, control socket and recordings."""

from __future__ import annotations

import mmap
import os
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Final

import msgspec

from ..control.address import AddressError, as_option
from ..control.credentials import process_name
from ..control.server_side.entrance import open_entrance
from ..control.server_side.listening import SocketFile
from ..control.server_side.service import Service
from ..core.addresses import Address
from ..core.commands import Command, Trace
from ..core.events import Notice
from ..core.printable import printable
from ..core.settings import SettingError, Settings
from ..core.statistics import ProcessStats
from ..recording.on_request import RecordingRequests
from ..recording.plan import NO_PLAN, RecordingPlan
from ..recording.recordings import Recordings
from ..server.loop import SWITCH_INTERVAL
from ..server.memory import exclude_program_from_gc
from ..watch.fanout import Fanout
from ..watch.stream import EventStream
from ..watch.traces import Traces

if TYPE_CHECKING:
    from ..server.handle import ServerHandle
    from .metrics_page import MetricsPage


HEADROOM: Final = 96 * 1024 * 1024
"""Bytes of address space that must be free at the start, for the stacks of the threads."""


@dataclass(frozen=True, slots=True)
class Sidecars:
    """The options of everything that runs beside the server."""

    metrics: Address | None = None
    """The address of the page for Prometheus."""
    control: str | None = None
    """The control socket: a path, a port or ``none``; None for the default one."""
    recording: RecordingPlan = NO_PLAN


class Hosting:
    """A server, the fan-out of its events, and the observers of the whole program."""

    def __init__(
        self, settings: Settings, sidecars: Sidecars, passed: socket.socket | None = None
    ) -> None:
        """Bind and open everything; nothing runs before `start`.

        `passed` is the listening socket to use instead of one for the host and port of the
        settings. Raises `SettingError`, after which nothing is left open.
        """
        stream = EventStream()
        self.server = make_server(settings, stream, passed)
        stream.wants_bytes = sidecars.recording.has_payload
        self._stream = stream
        self._traces_all = settings.trace != "off"
        server = self.server
        self.fanout = Fanout(
            stream,
            server.wake,
            lazy_sampler(server),
            now=server.now,
            keep_closed=settings.keep_closed,
        )
        self._traces = Traces(self.fanout.state.rows, server.submit)
        self.recordings = Recordings(self.fanout, sidecars.recording)
        with ExitStack() as opened:
            opened.callback(server.close)
            self._page = self._open_metrics(sidecars.metrics)
            if self._page:
                opened.callback(self._page.close)
            self._entrance = entrance = self._open_entrance(sidecars.control)
            if entrance:
                opened.callback(entrance.close)
            self._service = (
                Service(
                    entrance,
                    self.fanout,
                    server.submit,
                    self._traces,
                    server.instance,
                    recorder=RecordingRequests(self.recordings, self.fanout),
                )
                if entrance
                else None
            )
            if self._service:
                opened.callback(self._service.close)
            # Last: a start that fails must leave no file, and replace none (--record-force).
            if note := self.recordings.start_planned():
                self.publish_notice("info", note)
            opened.pop_all()

    def _open_metrics(self, address: Address | None) -> MetricsPage | None:
        if address is None:
            return None
        server = self.server
        try:
            from .metrics import ServerCollector, registry_of
            from .metrics_page import MetricsPage
        except ModuleNotFoundError as error:
            if error.name != "prometheus_client":
                raise
            raise SettingError(
                "--metrics needs prometheus-client: pip install 'echo-tui[metrics]'"
            ) from None
        collector = ServerCollector(self.fanout, lambda: server.worker_pids)
        complain = partial(self.publish_notice, "error")
        page = MetricsPage(address.host, address.port, registry_of(collector), complain)
        self.publish_notice("info", f"metrics on {page.url}")
        return page

    def _open_entrance(self, control: str | None) -> SocketFile | None:
        try:
            entrance, note = open_entrance(control, self.server.port)
        except AddressError as error:
            raise SettingError(str(error)) from None
        if note:
            self.publish_notice("warning", note)
        return entrance

    def add_stream(self, watched: bool = False) -> EventStream:
        """Return a new stream of all events, for a screen if `watched`, else for a log."""
        stream = EventStream(traced=self._traces_all)
        stream.watched = watched
        return self.fanout.add(stream, "the dashboard" if watched else "the log")

    def submit(self, command: Command) -> None:
        """Submit a command of this very program, as of its dashboard; from any thread."""
        pid = os.getpid()
        command = msgspec.structs.replace(command, by_pid=pid, by_name=process_name(pid))
        if isinstance(command, Trace):
            self._traces.request("screen", command)
        else:
            self.server.submit(command)

    @property
    def control(self) -> str:
        """What ``--control`` of a client takes for this server; empty without a control socket."""
        return as_option(self._entrance.path) if self._entrance else ""

    def publish_notice(self, level: str, text: str) -> None:
        """Publish a `Notice` of the program itself among the server's events; from any thread.

        `text` is escaped: it may name a path that is no UTF-8.
        """
        text = printable(text, 1000)
        self._stream.publish(Notice(t=self.server.now(), level=level, text=text))

    def start(self) -> None:
        """Start the server and everything beside it, each in a thread of its own.

        Raises RuntimeError or OSError if there is no room for that: then nothing is left open, and
        no new recording. One that `--record-force` has replaced is gone.
        """
        sys.setswitchinterval(SWITCH_INTERVAL)
        end_server = self.server.close
        try:
            # A thread that runs out of memory before it has begun would be waited for without end.
            mmap.mmap(-1, HEADROOM).close()
            exclude_program_from_gc()
            self.server.start()
            end_server = partial(self.server.stop, "a start that failed", now=True)
            self.fanout.start(self.server.settled)
            if self._service:
                self._service.start()
            if self._page:
                self._page.start()
        except BaseException:
            end_server()
            self.recordings.discard()
            if self._service:
                self._service.close()
            if self._page:
                self._page.close()
            raise

    def end(self) -> None:
        """Hand on the last events of a server that has ended, and close everything beside it."""
        self.fanout.join(timeout=1.0)
        self.recordings.stop()
        if self._service:
            self._service.close()
        if self._page:
            self._page.close()


def make_server(
    settings: Settings, stream: EventStream, passed: socket.socket | None = None
) -> ServerHandle:
    """Return a server that is bound and not started: a thread of this process, or workers.

    Raises `SettingError`.
    """
    if settings.workers:
        from ..server.workers.supervisor import Workers

        return Workers(settings, stream, passed=passed)
    from ..server.server import Server

    return Server(settings, stream, passed=passed)


def lazy_sampler(server: ServerHandle) -> Callable[[], ProcessStats | None]:
    """Return what measures this process and its workers; psutil is imported at its first call."""

    @cache
    def sampler() -> Callable[[], ProcessStats | None]:
        from ..watch.process_figures import ProcessSampler

        return ProcessSampler(server.now, lambda: server.worker_pids)

    def sample() -> ProcessStats | None:
        return sampler()()

    return sample
