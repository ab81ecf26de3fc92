"""The server's side of the control socket: serves all clients in one thread beside the loop's.

Commands go to the loop's queue; events come from a `Fanout`. A client that floods, or does not
read, costs this thread and that client, and nobody else.
"""

from __future__ import annotations

import os
import selectors
import socket
import threading
import time
import traceback
from collections.abc import Callable
from itertools import count
from math import inf
from typing import Final, Protocol

from ...core.commands import ClientCommand, Command, Record, Trace
from ...core.events import CommandResult, Notice, Stopping
from ...core.printable import printable, reason_of
from ...core.selector import make_selector
from ...core.wakeup import Wakeup
from ...watch.fanout import Fanout
from ...watch.stream import Drained
from ...watch.traces import Traces
from ..protocol import Refused, pack
from .listening import SocketFile
from .owner import OwnerGate
from .session import Session, SessionContext

MOST_CLIENTS: Final = 32
"""Clients that have said hello."""
MOST_MUTE: Final = 16
"""Clients that have not said hello; the oldest gives way to the next one that connects."""
FIRST_NUMBER: Final = 1 << 32
"""The first number of a request; those of a dashboard in the server's own terminal begin at 1."""
ACCEPT_PAUSE: Final = 1.0
"""Seconds without accepting after the descriptors have run out."""
ACCEPT_INTERVAL: Final = 0.005
"""Seconds between two accepts, so that a client that connects in a loop keeps nobody waiting."""
STRANGERS_INTERVAL: Final = 60.0
"""Seconds between two notices about other users that were refused."""
FAREWELL: Final = 0.2
"""Seconds in which clients may read the last events; they add to the grace of a stop."""


class RecorderOnRequest(Protocol):
    """Carries out `record` commands; called in the thread of the service."""

    def status(self, command: Record) -> CommandResult:
        """Answer at once what is recorded."""

    def submit(self, command: Record) -> None:
        """Start or end a recording without waiting; the answer is published by the fan-out."""


class _NoRecorder:
    """Refuses every `record` command."""

    def __init__(self, fanout: Fanout) -> None:
        self._fanout = fanout

    def status(self, command: Record) -> CommandResult:
        return command.answer(self._fanout.now(), False, "this server cannot be recorded")

    def submit(self, command: Record) -> None:
        self._fanout.publish(self.status(command))


class Service:
    """Serves the clients of one listening control socket until `close`."""

    def __init__(
        self,
        file: SocketFile,
        fanout: Fanout,
        submit: Callable[[Command], None],
        traces: Traces,
        instance: str,
        clock: Callable[[], float] = time.monotonic,
        gate: OwnerGate | None = None,
        recorder: RecorderOnRequest | None = None,
    ) -> None:
        """Serve at `file`, which is closed when the server begins to stop.

        `submit` hands a command to the loop; `gate` says who may connect, by default the owner.
        Without a `recorder`, `record` commands are refused.
        """
        self._recorder = recorder or _NoRecorder(fanout)
        self.watched = False
        self._file = file
        self._listener = file.listener
        self._gate = gate or OwnerGate()
        self._fanout = fanout
        self._submit_to_loop = submit
        self._clock = clock
        self._selector = make_selector()
        self._wakeup = Wakeup()
        self._listener.setblocking(False)
        self._sessions: set[Session] = set()
        self._announced: set[Session] = set()
        self._traces = traces
        self._numbers = count(FIRST_NUMBER)
        self._accept_again = inf
        self._strangers = 0
        self._strangers_told_at = -inf
        self._is_open = True
        self._server_stops = False
        self._closing = False
        self._context = SessionContext(
            fanout=fanout,
            next_number=self._numbers.__next__,
            submit=self._submit,
            recording_status=self._recorder.status,
            wake=self._wakeup.wake,
            clock=clock,
            objection_to_one_more=self._objection_to_one_more,
            pid=os.getpid(),
            instance=instance,
        )
        self._thread = threading.Thread(target=self._run, name="echo-tui control", daemon=True)

    def start(self) -> None:
        """Begin to accept, in a thread of its own."""
        self._fanout.add(self, "the control socket")
        self._thread.start()

    def hear(self, drained: Drained) -> None:
        """Close the socket when the server begins to stop; called in the fan-out's thread.

        The next server on the same port may start as soon as this one no longer listens. The path
        of its control socket must be free by then.
        """
        if Stopping in map(type, drained.events):
            self._server_stops = True
            self._wakeup.wake()

    def close(self) -> None:
        """Send clients the last events, and end; takes at most twice `FAREWELL` seconds."""
        if self._thread.ident is None:  # it was never started
            self._fanout.remove(self)
            self._give_back()
            return
        self._closing = True
        self._wakeup.wake()
        self._thread.join(2 * FAREWELL)

    def _give_back(self) -> None:
        self._selector.close()
        self._file.close()
        self._wakeup.close()

    @property
    def clients(self) -> int:
        """The number of clients that are connected."""
        return len(self._sessions)

    # --- the thread ---

    def _run(self) -> None:
        try:
            self._selector.register(self._wakeup.fd, selectors.EVENT_READ)
            self._resume_accepting()
            while not self._closing:
                self._run_once()
                if self._server_stops and self._is_open:
                    self._stop_accepting()
            self._send_farewell()
        except Exception as error:  # a fault of ours: the server goes on
            text = f"the control socket has died: {type(error).__name__}: {error}"
            self._notice("error", f"{text}, in {_where(error)}")
        finally:
            for session in self._sessions:
                self._fanout.remove(session.follower)
                session.sock.close()
            self._fanout.remove(self)
            self._give_back()

    def _run_once(self) -> None:
        readable = set()
        for key, ready in self._selector.select(self._timeout()):
            if key.fileobj == self._wakeup.fd:
                self._wakeup.clear()
            elif key.fileobj is self._listener:
                self._accept()
            elif ready & selectors.EVENT_READ:
                readable.add(key.fileobj)
        for session in list(self._sessions):
            self._step(session, session.sock in readable)
        if self._clock() >= self._accept_again:
            self._resume_accepting()

    def _stop_accepting(self) -> None:
        self._is_open = False
        if self._accept_again == inf:
            self._selector.unregister(self._listener)
        self._accept_again = inf
        self._file.close()

    def _timeout(self) -> float | None:
        due = min((session.next_step_at() for session in self._sessions), default=inf)
        due = min(due, self._accept_again)
        return None if due == inf else max(0.0, due - self._clock())

    # --- clients ---

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError, InterruptedError):
            return
        except OSError as error:
            self._selector.unregister(self._listener)
            self._pause_accepting(error)
            return
        self._selector.unregister(self._listener)
        self._accept_again = self._clock() + ACCEPT_INTERVAL
        sock.setblocking(False)
        objection = self._gate.objection(sock)
        if objection:
            self._note_stranger(objection)
            _refuse(sock, Refused(code="uid", text=objection))
        else:
            mute = [session for session in self._sessions if session.hello is None]
            if len(mute) >= MOST_MUTE:
                self._forget(min(mute, key=lambda session: session.since))
            session = Session(sock, self._context)
            self._sessions.add(session)
            self._fanout.add(session.follower, "a control client")

    def _objection_to_one_more(self) -> str:
        """Say why no further client may say hello; empty if one may."""
        greeted = sum(session.hello is not None for session in self._sessions)
        return "" if greeted < MOST_CLIENTS else f"{MOST_CLIENTS} clients are attached already"

    def _pause_accepting(self, error: OSError) -> None:
        self._accept_again = self._clock() + ACCEPT_PAUSE
        self._notice("warning", f"control socket: accepting pauses: {reason_of(error)}")

    def _resume_accepting(self) -> None:
        try:
            self._selector.register(self._listener, selectors.EVENT_READ)
        except OSError as error:  # epoll_ctl(2): no memory, or the last watch is another's
            self._pause_accepting(error)
        else:
            self._accept_again = inf

    def _note_stranger(self, objection: str) -> None:
        self._strangers += 1
        if self._clock() - self._strangers_told_at < STRANGERS_INTERVAL:
            return
        self._strangers_told_at = self._clock()
        self._notice("warning", f"control socket: {objection}; refused so far: {self._strangers:,}")

    def _step(self, session: Session, readable: bool) -> None:
        try:
            session.step(readable)
            self._choose_interest(session)
        except Exception as error:  # with one client: the others go on
            self._notice("error", f"control socket: {type(error).__name__} in {_where(error)}")
            session.ended = True
        # A follower that has failed is told nothing more: a new connection gets a new one.
        if session.ended or session.follower not in self._fanout:
            self._forget(session)
            return
        if session.hello and session.hello.announce and session not in self._announced:
            self._announced.add(session)
            self._notice("info", f"{self._name(session)} attached, {self._attached()}")

    def _choose_interest(self, session: Session) -> None:
        wanted = selectors.EVENT_READ * session.wants_input
        wanted |= selectors.EVENT_WRITE * session.wants_output
        key = self._selector.get_map().get(session.sock)
        registered = 0 if key is None else key.events
        if wanted == registered:
            return
        if not wanted:
            self._selector.unregister(session.sock)
        elif registered:
            self._selector.modify(session.sock, wanted)
        else:
            self._selector.register(session.sock, wanted)

    def _forget(self, session: Session) -> None:
        self._sessions.discard(session)
        self._fanout.remove(session.follower)
        if self._selector.get_map().get(session.sock) is not None:
            self._selector.unregister(session.sock)
        session.sock.close()
        self._traces.release(session, self._numbers.__next__)
        if session in self._announced:
            self._announced.discard(session)
            self._notice("info", f"{self._name(session)} detached, {self._attached()}")

    def _name(self, session: Session) -> str:
        name = session.hello.client if session.hello else ""
        return printable(name or "a client", 32)

    def _attached(self) -> str:
        return f"{len(self._announced):,} attached now"

    def _notice(self, level: str, text: str) -> None:
        self._fanout.publish(Notice(t=self._fanout.now(), level=level, text=text))

    # --- commands ---

    def _submit(self, session: Session, command: ClientCommand) -> None:
        if isinstance(command, Trace):
            self._traces.request(session, command)
        elif isinstance(command, Record):
            self._recorder.submit(command)
        else:
            self._submit_to_loop(command)

    # --- the end ---

    def _send_farewell(self) -> None:
        """Send the server's last event to all clients that read."""
        deadline = self._clock() + FAREWELL
        waiting = [session for session in self._sessions if not session.send_last_words()]
        while waiting and self._clock() < deadline:
            time.sleep(0.01)
            waiting = [session for session in waiting if not session.send_last_words()]


def _refuse(sock: socket.socket, why: Refused) -> None:
    with sock:
        try:
            sock.send(pack(why))
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            return  # it has gone already


def _where(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{os.path.basename(last.filename)}:{last.lineno}"
