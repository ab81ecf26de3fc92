"""Pollers, with five functions each: add, modify, remove, poll, close.

Readiness is a mask of POLLIN, POLLOUT, POLLERR and POLLHUP, and POLLRDHUP where it is edge-
triggered. Facts that surprise, written down once:

- POLLERR and POLLHUP are reported whether they are registered or not (poll(2)). POLLHUP means
  that both directions are shut; data that came before may still be there to read.
- A peer's FIN alone is plain POLLIN: the read that it promises returns 0 bytes.
- select(2) takes no descriptor from 1024 on (FD_SETSIZE), however high the descriptor limit is.
- select and poll hand the whole set to the kernel at each call and scan it: O(N) (source document,
  sections 4.1, 4.2). epoll and kqueue keep the set in the kernel and return what is ready.
- Edge-triggered epoll reports a change once. EPOLL_CTL_MOD checks afresh and reports what is true
  already, so a changed interest loses nothing; what a budget left unread must be re-queued by the
  caller. A short read means that the socket was empty (epoll(7)), except that a FIN may stand
  behind the data, which only EPOLLRDHUP tells.
- poll fails with EINVAL while there are more descriptors than RLIMIT_NOFILE allows, also where
  they were open before the limit was lowered; epoll and select do not.
- epoll forgets a descriptor when its last duplicate closes; select and poll would report a closed
  one, as an error or as whichever socket got its number next. So `remove` comes before close.
"""

from __future__ import annotations

import errno
import os
import select
import sys
import time
from typing import Any, Final, Protocol

from ..core.events import POLLIN, POLLOUT
from ..core.printable import reason_of
from ..core.settings import SettingError

POLLRDHUP: Final = 0x2000

Ready = list[tuple[int, int]]
"""Descriptors with their readiness mask."""

FD_SETSIZE: Final = 1024
_PART_PAUSE: Final = 0.01
"""Seconds between two looks at the descriptors where poll(2) takes only one at a time."""
MAX_EVENTS: Final = 1024
"""Descriptors that epoll and kqueue return at once, at most, so that commands and deadlines get
their turn; poll and select return all that are ready."""


class Poller(Protocol):
    """A set of descriptors with an interest each; one thread uses it."""

    name: str
    edge_triggered: bool
    has_ctl: bool
    """Whether a change of what is watched is a system call of its own."""
    note: str
    """Why a better one was not taken; empty if this is the best, or the one that was asked for."""
    fd_limit: int | None
    """The first descriptor number that it cannot watch; None if there is no such number."""

    def add(self, fd: int, interest: int) -> None:
        """Register `fd` for `interest`. Raises OSError or ValueError if it cannot be watched."""

    def modify(self, fd: int, interest: int) -> None:
        """Change the interest of `fd`. Raises OSError."""

    def remove(self, fd: int) -> None:
        """Unregister `fd`; to be called before it is closed."""

    def poll(self, timeout: float | None) -> Ready:
        """Wait up to `timeout` seconds (None: for ever) for a ready descriptor."""

    def close(self) -> None:
        """Give the poller's own descriptor back."""


class SelectPoller:
    """select(2): three sets, scanned whole."""

    name = "select"
    edge_triggered = False
    has_ctl = False
    note = ""
    fd_limit: int | None = FD_SETSIZE

    def __init__(self) -> None:
        self._readers: set[int] = set()
        self._writers: set[int] = set()

    def add(self, fd: int, interest: int) -> None:
        if fd >= FD_SETSIZE:
            raise ValueError(f"select cannot watch descriptor {fd}")
        self.modify(fd, interest)

    def modify(self, fd: int, interest: int) -> None:
        (self._readers.add if interest & POLLIN else self._readers.discard)(fd)
        (self._writers.add if interest & POLLOUT else self._writers.discard)(fd)

    def remove(self, fd: int) -> None:
        self._readers.discard(fd)
        self._writers.discard(fd)

    def poll(self, timeout: float | None) -> Ready:
        readable, writable, _ = select.select(self._readers, self._writers, (), timeout)
        ready = dict.fromkeys(readable, POLLIN)
        for fd in writable:
            ready[fd] = ready.get(fd, 0) | POLLOUT
        return list(ready.items())

    def close(self) -> None:
        self._readers.clear()
        self._writers.clear()


class PollPoller:
    """poll(2): one array, scanned whole."""

    name = "poll"
    edge_triggered = False
    has_ctl = False
    note = ""
    fd_limit: int | None = None

    def __init__(self) -> None:
        self._poll = select.poll()
        self._interest: dict[int, int] = {}

    def add(self, fd: int, interest: int) -> None:
        self._poll.register(fd, interest)
        self._interest[fd] = interest

    def modify(self, fd: int, interest: int) -> None:
        self._poll.modify(fd, interest)
        self._interest[fd] = interest

    def remove(self, fd: int) -> None:
        self._poll.unregister(fd)
        del self._interest[fd]

    def poll(self, timeout: float | None) -> Ready:
        try:
            return self._poll.poll(None if timeout is None else timeout * 1000)
        except OSError as error:
            # More descriptors than RLIMIT_NOFILE, which was lowered meanwhile: poll(2).
            if error.errno != errno.EINVAL or not self._interest:
                raise
        return self._poll_in_parts(_PART_PAUSE if timeout is None else min(timeout, _PART_PAUSE))

    def _poll_in_parts(self, timeout: float) -> Ready:
        """Poll one descriptor after the other, then wait up to `timeout` seconds."""
        ready: Ready = []
        for fd, interest in self._interest.items():
            one = select.poll()
            one.register(fd, interest)
            try:
                ready += one.poll(0)
            except OSError as error:
                if error.errno != errno.EINVAL:  # at a limit of 0 not even one
                    raise
        if not ready:
            time.sleep(timeout)
        return ready

    def close(self) -> None:
        """Nothing to give back: the set lives in this process."""


class EpollPoller:
    """epoll(7), level-triggered."""

    name = "epoll"
    edge_triggered = False
    has_ctl = True
    note = ""
    fd_limit: int | None = None

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self.add = self._epoll.register
        self.modify = self._epoll.modify
        self.remove = self._epoll.unregister
        self.close = self._epoll.close

    def poll(self, timeout: float | None) -> Ready:
        return self._epoll.poll(timeout, MAX_EVENTS)


class EdgeEpollPoller:
    """epoll(7), edge-triggered: a change is reported once."""

    name = "epoll-et"
    edge_triggered = True
    has_ctl = True
    note = ""
    fd_limit: int | None = None

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self.remove = self._epoll.unregister
        self.close = self._epoll.close

    def add(self, fd: int, interest: int) -> None:
        self._epoll.register(fd, interest | select.EPOLLET | POLLRDHUP)

    def modify(self, fd: int, interest: int) -> None:
        self._epoll.modify(fd, interest | select.EPOLLET | POLLRDHUP)

    def poll(self, timeout: float | None) -> Ready:
        return self._epoll.poll(timeout, MAX_EVENTS)


_kernel: Any = select  # typeshed knows kqueue only on the platforms that have it


class KqueuePoller:
    """kqueue(2), level-triggered: one filter for each direction."""

    name = "kqueue"
    edge_triggered = False
    has_ctl = True
    note = ""
    fd_limit: int | None = None

    def __init__(self) -> None:
        self._kqueue = _kernel.kqueue()
        self._interest: dict[int, int] = {}
        self.close = self._kqueue.close

    def add(self, fd: int, interest: int) -> None:
        self._interest[fd] = 0
        self.modify(fd, interest)

    def modify(self, fd: int, interest: int) -> None:
        changed = self._interest[fd] ^ interest
        changes = []
        for bit, kind in ((POLLIN, _kernel.KQ_FILTER_READ), (POLLOUT, _kernel.KQ_FILTER_WRITE)):
            if changed & bit:
                action = _kernel.KQ_EV_ADD if interest & bit else _kernel.KQ_EV_DELETE
                changes.append(_kernel.kevent(fd, kind, action))
        self._interest[fd] = interest
        if changes:
            self._kqueue.control(changes, 0)

    def remove(self, fd: int) -> None:
        self.modify(fd, 0)
        del self._interest[fd]

    def poll(self, timeout: float | None) -> Ready:
        ready: dict[int, int] = {}
        for event in self._kqueue.control(None, MAX_EVENTS, timeout):
            bit = POLLIN if event.filter == _kernel.KQ_FILTER_READ else POLLOUT
            ready[event.ident] = ready.get(event.ident, 0) | bit
        return list(ready.items())


def available_pollers() -> dict[str, type[Poller]]:
    """The pollers that this platform has, best first."""
    pollers: dict[str, type[Poller]] = {}
    if hasattr(select, "epoll"):
        pollers["epoll"] = EpollPoller
        pollers["epoll-et"] = EdgeEpollPoller
    if hasattr(select, "kqueue"):
        pollers["kqueue"] = KqueuePoller
    if hasattr(select, "poll"):
        pollers["poll"] = PollPoller
    pollers["select"] = SelectPoller
    return pollers


def make_poller(name: str) -> Poller:
    """The poller of that name; for ``auto`` the best one that works. Raises `SettingError`.

    A sandbox may forbid epoll that the kernel has: seccomp answers with EPERM or ENOSYS.
    """
    pollers = available_pollers()
    if name == "auto":
        refused: list[str] = []
        for each in pollers:
            if each == "epoll-et":
                continue  # what refuses epoll refuses it too
            try:
                poller = _tried(pollers[each]())
            except OSError as error:
                refused.append(f"{each} ({reason_of(error)})")
                continue
            if refused:
                poller.note = f"no {', no '.join(refused)}: --poller {each} is used"
            return poller
        raise SettingError(f"--poller auto: none works: {', '.join(refused)}")
    if name not in pollers:
        has = ", ".join(pollers)
        raise SettingError(f"--poller {name}: {sys.platform} has no {name}; it has {has}")
    try:
        return _tried(pollers[name]())
    except OSError as error:
        words = reason_of(error)
        raise SettingError(f"--poller {name}: {words}; auto takes one that works") from None


def _tried(poller: Poller) -> Poller:
    """Return `poller` after one use of each of its calls. Raises OSError; it is closed then."""
    try:
        reader, writer = os.pipe()
        try:
            poller.add(reader, POLLIN)
            poller.modify(reader, POLLIN)
            poller.poll(0)
            poller.remove(reader)
        finally:
            os.close(reader)
            os.close(writer)
    except BaseException:
        poller.close()
        raise
    return poller
