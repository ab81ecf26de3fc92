"""One client of the control socket, from its hello to its end. It owns the client's socket.

The cost of a client is bounded here: one message is written at a time, one command is under way at
a time, and nothing is read from a client that has not read its answers.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from math import inf
from typing import Final, NamedTuple

import msgspec

from ... import __version__
from ...core.commands import (
    ClientCommand,
    Fault,
    Kill,
    Look,
    ReadBytes,
    Record,
    RecordAction,
    Step,
    Stop,
    Trace,
    answer_bound,
    expected_results,
    ids_of,
    results_left,
)
from ...core.events import CommandResult, RecordingStatus
from ...core.framing import FrameDecoder, TooLong
from ...core.printable import printable
from ...watch.fanout import Fanout
from ..credentials import peer_pid, process_name
from ..protocol import (
    LARGEST_HELLO,
    LARGEST_MESSAGE,
    VERSION,
    Do,
    FromServer,
    Hello,
    News,
    ProtocolError,
    Refused,
    Watch,
    Welcome,
    pack,
    read_to_server,
    version_of,
)
from .follower import Follower

HELLO_WITHIN: Final = 5.0
"""Seconds for the first message."""
MESSAGE_WITHIN: Final = 10.0
"""Seconds for any other message, from its first byte."""
ANSWER_WITHIN: Final = 10.0
"""Seconds that the next command waits for the answer to the one before."""
CLOSING_WITHIN: Final = 0.2
"""The same behind a kill of mode `close`, whose answers come when the connections are gone."""
MOST_REMEMBERED: Final = 64
"""Commands whose answers may still come: those before are told nothing more."""
LINGER: Final = 1.0
"""Seconds that a refused client has to read the reason."""
COMMAND_INTERVAL: Final = 0.01
"""Seconds between two commands of one client."""
KILL_INTERVAL: Final = 0.0001
"""Seconds added to it for each connection that a kill names."""
ROUND: Final = 0.1
"""Seconds between two messages of news, if nothing is urgent."""
HELD_WITHIN: Final = 0.2
"""Seconds until a client whose command is not answered is told that the loop is held."""
AT_ONCE: Final = 4
"""Messages to one client in one step, so that the others are served too."""
_READ_SIZE: Final = 64 * 1024


class SessionContext(NamedTuple):
    """The context that all sessions of a service share."""

    fanout: Fanout
    next_number: Callable[[], int]
    """Returns a request number that no other client of the server has."""
    submit: Callable[[Session, ClientCommand], None]
    """Hands on a command of a session to whoever carries it out."""
    recording_status: Callable[[Record], CommandResult]
    """Answers at once what is recorded."""
    wake: Callable[[], None]
    clock: Callable[[], float]
    objection_to_one_more: Callable[[], str]
    """Says why no further client may say hello; empty if one may."""
    pid: int
    instance: str


class Session:
    """One client. All methods are for the thread of the service, which calls `step`."""

    def __init__(self, sock: socket.socket, context: SessionContext) -> None:
        self.sock = sock
        self.hello: Hello | None = None
        """The first message of the client, once it is accepted."""
        self.ended = False
        """Whether the socket can be closed."""
        self.follower = Follower(context.fanout, context.wake, context.clock, self._recording)
        # Read now: later the process may be gone, and its pid another's.
        self._by_pid = peer_pid(sock)
        self._by_name = process_name(self._by_pid)
        self._context = context
        self._inbox = FrameDecoder(LARGEST_HELLO)
        self._out = memoryview(b"")
        now = context.clock()
        self.since = now
        """When it connected, on the service's clock."""
        self._close_at = inf  # a refused client lingers until then
        self._message_due = now + HELLO_WITHIN
        self._command_at = now
        self._resume_at = inf
        self._next_news = now
        self._results_due = 0  # of the latest command
        self._latest = 0  # its number, as the client gave it
        self._answer_due = inf
        self._wait_due = inf  # when to see whether it waits because the loop is held
        self._kind = ""  # of the command that may

    # --- for the service ---

    @property
    def wants_input(self) -> bool:
        """Whether to poll for input. Bytes of a refused client are read and dropped."""
        if self._close_at < inf:
            return True
        return not self._out and not self._is_busy()

    @property
    def wants_output(self) -> bool:
        """Whether a part of a message waits until the socket is writable."""
        return bool(self._out)

    def next_step_at(self) -> float:
        """Return when to call `step` even if the socket is not ready, on the service's clock."""
        if self._close_at < inf:
            return self._close_at
        due = min(self._message_due, self._answer_due, self._wait_due)
        if not self._out:
            if self.follower.urgent:
                return 0.0
            if self.follower.watched:
                due = min(due, self._next_news)
            due = min(due, self._resume_at)
        return due

    def step(self, readable: bool) -> None:
        """Do what can be done now without waiting."""
        now = self._context.clock()
        # After a stop of the process the selector says nothing first, whatever has arrived.
        if readable or now >= self._message_due:
            self._read()
        if self.ended:
            return
        if self._close_at < inf:
            self._flush()
            self.ended = self.ended or now >= self._close_at
            return
        if now >= self._message_due:
            self._process_messages(now)
        if now >= self._message_due:
            what = "a whole message" if self.hello else "a hello"
            self.refuse("slow", f"{what} did not come in time")
            return
        if now >= self._answer_due:
            self._results_due, self._answer_due = 0, inf
        self._flush()
        if now >= self._wait_due and not self._out:
            self._say_it_waits()
        self._send_due(now)  # first, as the next command may wait for a result
        self._process_messages(now)
        self._resume_at = self._command_at if self._command_at > now else inf

    def refuse(self, code: str, text: str) -> None:
        """Send the reason, and end the connection."""
        self._out = memoryview(bytes(self._out) + pack(Refused(code=code, text=text)))
        self._close_at = self._context.clock() + LINGER
        self._flush()

    def send_last_words(self) -> bool:
        """Send what is left; return whether all of it is sent."""
        self._flush()
        while not self._out and not self.ended:
            if not self._send_next():
                return True
        return self.ended

    # --- input ---

    def _read(self) -> None:
        try:
            data = self.sock.recv(_READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.ended = True
        elif self._close_at == inf:
            self._inbox.feed(data)

    def _is_busy(self) -> bool:
        is_awaited = self._results_due > 0 and self._context.fanout.state.held is None
        return is_awaited or self._command_at > self._context.clock()

    def _process_messages(self, now: float) -> None:
        """Process whole messages, as long as nothing is under way for this client."""
        while self._close_at == inf and not self._out and not self._is_busy():
            try:
                body = self._inbox.next_body()
                if body is None:
                    break
                self._process(body, now)
                self._message_due = inf  # what follows is another message, with its own time
            except TooLong as error:
                self.refuse("too_large", str(error))
            except ProtocolError as error:
                self.refuse("garbage", printable(str(error), 200))
        if self.hello and (not self._inbox.buffered or self._out or self._is_busy()):
            self._message_due = inf
        elif self._message_due == inf:
            self._message_due = now + MESSAGE_WITHIN

    def _process(self, body: bytes, now: float) -> None:
        if self.hello is None:
            self._greet(body)
            return
        message = read_to_server(body)
        if isinstance(message, Do):
            ids = len(ids_of(message.command))
            self._command_at = now + COMMAND_INTERVAL + ids * KILL_INTERVAL
            self._carry_out(message.command)
        elif isinstance(message, Watch):
            if self.follower.watched:
                raise ProtocolError("watch may be sent once")
            self.follower.watch(message)
        else:
            raise ProtocolError("hello may be sent once")

    def _greet(self, body: bytes) -> None:
        version = version_of(body)
        if version != VERSION:
            told = f"the server speaks version {VERSION} of the protocol, not {version}"
            self.refuse("version", f"{told}: use a client of echo-tui {__version__}")
            return
        if objection := self._context.objection_to_one_more():
            self.refuse("busy", objection)
            return
        hello = read_to_server(body)
        assert isinstance(hello, Hello)  # version_of has seen its tag
        self.hello = hello
        self._inbox.limit = LARGEST_MESSAGE
        context = self._context
        self._send(
            Welcome(
                version=VERSION,
                program=__version__,
                pid=context.pid,
                instance=context.instance,
                t=context.fanout.now(),
                keep_closed=context.fanout.state.kept.limit,
            )
        )

    def _carry_out(self, command: ClientCommand) -> None:
        assert self.hello is not None
        command = msgspec.structs.replace(command, by_pid=self._by_pid, by_name=self._by_name)
        if isinstance(command, Stop):  # its cause goes to terminals, logs and systemd
            command = msgspec.structs.replace(command, cause=printable(command.cause))
        if self.hello.read_only and not isinstance(command, Trace | ReadBytes | Look):
            self._answer(command, "refused: this client is attached read-only")
        elif objection := self._objection(command):
            self._answer(command, f"refused: {objection}")
        elif self._context.fanout.state.ended:
            self._answer(command, "the server has stopped")
        elif isinstance(command, Record) and command.action is RecordAction.STATUS:
            self.follower.answer(self._context.recording_status(command))
        else:
            # A kill without ids has no results, nor has a stop: its events tell of it.
            results = expected_results(command)
            number = self._context.next_number()
            if results:
                self._remember(number, command.request)
                self._results_due = results
                within = CLOSING_WITHIN if answer_bound(command) else ANSWER_WITHIN
                now = self._context.clock()
                self._answer_due = now + within
                if self._can_be_held() and not isinstance(command, Step):
                    self._wait_due, self._kind = now + HELD_WITHIN, command.kind
            self._context.submit(self, msgspec.structs.replace(command, request=number))

    def _can_be_held(self) -> bool:
        listening = self._context.fanout.state.listening
        return listening is not None and listening.step

    def _remember(self, number: int, own: int) -> None:
        """Keep the client's `own` number of the command that the server calls `number`."""
        requests, self._latest = self.follower.requests, own
        requests[number] = own
        while len(requests) > MOST_REMEMBERED:
            del requests[next(iter(requests))]

    def _recording(self) -> RecordingStatus:
        answer = self._context.recording_status(Record(request=0, action=RecordAction.STATUS))
        return answer.recording or RecordingStatus()

    def _objection(self, command: ClientCommand) -> str:
        """Say why a command is not for this server; empty if it is."""
        if command.instance == self._context.instance:
            return ""
        if command.instance:
            meant = printable(command.instance, 32)
            return f"meant for the server {meant}, and this is {self._context.instance}"
        if isinstance(command, Kill | Fault) or ids_of(command):
            return f"no instance is given; this server's is {self._context.instance}"
        return ""

    def _answer(self, command: ClientCommand, message: str) -> None:
        self.follower.answer(command.answer(self._context.fanout.now(), False, message))

    # --- output ---

    def _say_it_waits(self) -> None:
        """Tell the client that its command waits, once, if the loop is held."""
        held = self._context.fanout.state.held
        self._wait_due = self._context.clock() + HELD_WITHIN
        if held is not None:
            self._wait_due = inf
            self._send(News(t=self._context.fanout.now(), waits=held.delays(self._kind)))

    def _send_due(self, now: float) -> None:
        """Send pages and news that are due, as long as the client takes them."""
        if not self.hello or not (self.follower.urgent or now >= self._next_news):
            return
        for _ in range(AT_ONCE):
            if self._out or self._close_at < inf:
                return
            if not self._send_next():
                self._next_news = now + ROUND
                return

    def _send_next(self) -> bool:
        message = self.follower.next_message()
        if message is None:
            return False
        for event in getattr(message, "events", ()):
            if isinstance(event, CommandResult) and self.follower.requests:
                self._count_result(event)
        self._send(message)
        return True

    def _count_result(self, result: CommandResult) -> None:
        if result.request != self._latest:
            return
        self._results_due = results_left(self._results_due, result)
        if not self._results_due:
            self._answer_due = self._wait_due = inf

    def _send(self, message: FromServer) -> None:
        self._out = memoryview(bytes(self._out) + pack(message))
        self._flush()

    def _flush(self) -> None:
        try:
            while self._out:
                self._out = self._out[self.sock.send(self._out) :]
        except BlockingIOError:
            return
        except OSError:
            self._out, self.ended = memoryview(b""), True
            return
        if self._close_at < inf:
            try:
                self.sock.shutdown(socket.SHUT_WR)
            except OSError:
                self.ended = True  # the peer has closed already
