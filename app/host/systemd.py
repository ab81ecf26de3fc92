"""The interface to systemd: sd_notify(3) and sd_listen_fds(3).

It consists of a few environment variables and one datagram socket. Without the variables nothing
here has an effect.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Final

from ..core.events import Listening, Stopping
from ..core.printable import reason_of
from ..core.settings import SettingError
from ..watch.journal import entry
from ..watch.stream import Drained

FIRST_DESCRIPTOR: Final = 3
"""SD_LISTEN_FDS_START: the first descriptor that is passed."""
BEATS: Final = 3
"""Number of notifications within the time-out of the watchdog."""


def passed_socket(environment: Mapping[str, str]) -> socket.socket | None:
    """The listening socket that this process was started with; None if there is none.

    Raises `SettingError` if it is not one socket.
    """
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return None  # not there, or meant for a process that has started this one
    count = environment.get("LISTEN_FDS", "")
    if count != "1":
        raise SettingError(f"systemd passes {count or 'no'} sockets: give it one ListenStream=")
    try:
        sock = socket.socket(fileno=FIRST_DESCRIPTOR)
    except OSError as error:
        raise SettingError(
            f"descriptor {FIRST_DESCRIPTOR} of systemd: {reason_of(error)}"
        ) from None
    sock.set_inheritable(False)
    return sock


_TOLD: Final = frozenset({Listening, Stopping})


class Notifier:
    """Tells systemd how the service is; an observer, for the server's stop."""

    def __init__(
        self,
        environment: Mapping[str, str],
        complain: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`complain` is called with words if systemd cannot be told: once, until it can again."""
        self.watched = False
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._complain = complain
        self._has_complained = False
        self._clock = clock
        self._beat_interval = _watchdog_seconds(environment) / BEATS
        self._next_beat = clock()
        self._polls_seen = -1

    def ready(self, status: str) -> None:
        """The service accepts, or has read its configuration again."""
        self._notify(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """The configuration is being read again; `ready` ends it."""
        self._notify(f"RELOADING=1\nMONOTONIC_USEC={int(time.monotonic() * 1e6)}")

    def hear(self, drained: Drained) -> None:
        """Tell systemd that the server serves, or stops; called in the fan-out's thread."""
        if _TOLD.isdisjoint(map(type, drained.events)):
            return
        for event in drained.events:
            if type(event) is Listening:
                self.ready(entry(event).brief)
            elif type(event) is Stopping:
                self._notify(f"STOPPING=1\nSTATUS={entry(event).brief}")

    def beat(self, polls: int, wake: Callable[[], None], is_held: bool = False) -> None:
        """Tell the watchdog that all is well, if the loop has polled since the last time.

        To be called often. `polls` is how often it has; `wake` makes it poll once more. One that
        `is_held` stands because somebody wants it to.
        """
        if not self._beat_interval or self._clock() < self._next_beat:
            return
        self._next_beat = self._clock() + self._beat_interval
        if polls != self._polls_seen or is_held:
            self._polls_seen = polls
            self._notify("WATCHDOG=1")
        wake()

    def _notify(self, state: str) -> None:
        if not self._address:
            return
        # An address that begins with @ is of the abstract namespace: there it is a zero byte.
        address = self._address
        if address.startswith("@"):
            address = "\0" + address[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.sendto(state.encode(), address)
            self._has_complained = False
        except OSError as error:
            if error.errno == errno.EAGAIN:
                return  # systemd is busy; the next word will tell it that we live
            # Without descriptors or memory it may go again at the next beat: to give up here would
            # have the watchdog kill a healthy server.
            if not self._has_complained:
                self._has_complained = True
                self._complain(f"systemd cannot be told: {self._address}: {reason_of(error)}")


def _watchdog_seconds(environment: Mapping[str, str]) -> float:
    """Return the time-out of systemd's watchdog in seconds; 0 if there is none."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    microseconds = environment.get("WATCHDOG_USEC", "0")
    return int(microseconds) / 1e6 if microseconds.isdecimal() else 0.0
