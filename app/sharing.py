"""One server's events for its log or its screen, and for the clients of its control socket."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.control.address import AddressError
from app.control.entrance import open_entrance
from app.control.service import Service
from app.events import Notice, ProcessStats
from app.fanout import Fanout
from app.settings import SettingError, Where
from app.stream import EventStream

if TYPE_CHECKING:
    from app.server.server import Server


class Shared:
    """Without a control socket there is one who watches, and the server's stream is for that one.

    With one, a `Fanout` stands between.
    """

    def __init__(self, server: Server, stream: EventStream, where: Where) -> None:
        """Raises `SettingError`; the server is closed then."""
        self._stream = stream
        self.fanout: Fanout | None = None
        try:
            entrance, note = open_entrance(where.control, where.token_file, server.port)
        except AddressError as error:
            server.close()
            raise SettingError(str(error)) from None
        if note:
            stream.publish(Notice(t=server.now(), level="warning", text=note))
        if entrance is None:
            return
        self.fanout = Fanout(stream, server.watch, lazy_sampler(server.now), now=server.now)
        self._service = Service(entrance, self.fanout, server.submit)

    def subscribe(self, watched: bool = False, traced: bool = False) -> EventStream:
        """A stream of everything, to be asked for before `start`."""
        if self.fanout is None:
            self._stream.watched = watched
            return self._stream
        stream = EventStream()
        stream.watched = watched
        return self.fanout.subscribe(stream, traced)

    def failure(self) -> str | None:
        """Why nothing comes any more though the server may live; None while all is well."""
        return self.fanout.failure or None if self.fanout is not None else None

    def start(self) -> None:
        """Begin to hand on."""
        if self.fanout is not None:
            self.fanout.start()
            self._service.start()

    def close(self) -> None:
        """Hand on the server's last event, and end; the server has ended before."""
        if self.fanout is not None:
            self.fanout.join(timeout=1.0)
            self._service.close()


def lazy_sampler(now: Callable[[], float]) -> Callable[[], ProcessStats]:
    """Looks at this process; psutil is imported when somebody first wants to know."""
    samplers: list[Callable[[], ProcessStats]] = []

    def sample() -> ProcessStats:
        if not samplers:
            samplers.append(importlib.import_module("app.process").ProcessSampler(now))
        return samplers[0]()

    return sample
