"""An event in words and its level: the one wording for the log, the dashboard and systemd's status.

`entry` words an event. A line of a log has all of it (`JournalEntry.line`); the dashboard has less
room and shows the subject and `JournalEntry.brief`.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Final

import msgspec

from ..core.addresses import format_address
from ..core.commands import ROUTINE
from ..core.events import (
    DETAIL,
    ORDERLY,
    Bytes,
    Closed,
    CommandResult,
    Crashed,
    Event,
    Io,
    Listening,
    Notice,
    Opened,
    Reason,
    SettingChanged,
    StateChanged,
    Stopped,
    Stopping,
    Toggled,
)
from ..core.iteration import Iteration, Iterations
from ..core.kept_bytes import KeptBytes
from ..core.queues import Kernel
from ..core.settings import TIMEOUTS, format_size
from ..core.stepping import LoopHeld, LoopResumed, Stepped
from .figures import words_size
from .loop_words import iteration_words
from .why import ARMED_FIRST


class Level(IntEnum):
    """Importance of an event to the operator of the server."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


_CLOSE_LEVELS: Final = {
    **dict.fromkeys(ORDERLY, Level.INFO),
    Reason.TIMEOUT_IDLE: Level.INFO,
    Reason.ERROR: Level.ERROR,
}
"""Closes in order, and faults of ours. Every other close is caused by the peer or by the limit."""


def level_of(event: Event) -> Level:
    """The level of an event: detail is ``debug``, what needs an operator's look is ``warning``."""
    # Under churn nearly all are these two: of a msgspec type `isinstance` takes 50 ns.
    if type(event) is Opened:
        return Level.INFO
    if type(event) is Closed:
        return _CLOSE_LEVELS.get(event.reason, Level.WARNING)
    match event:
        case Notice():
            return Level[event.level.upper()]
        case CommandResult(ok=False) | CommandResult(command="kill") | SettingChanged():
            return Level.WARNING  # a log of warnings has who did what to the server
        case Crashed():
            return Level.ERROR
        case Stepped() | LoopHeld(cause="step") | LoopResumed(cause="step"):
            return Level.DEBUG
        case _:
            return Level.DEBUG if type(event) in DETAIL else Level.INFO


_SERVER: Final = "server"
_IMPLIED: Final = frozenset({"state", "setting", "command", "info", "warning", "error"})
"""Words that the dashboard leaves out: the subject or the colour of the line says the same."""


class JournalEntry(msgspec.Struct, frozen=True):
    """An event in words. `text` may hold text of a peer: it must never be read as markup."""

    t: float
    """Seconds since the epoch."""
    tone: str
    """The colour: ``open``, ``close``, ``info``, ``good``, ``warning``, ``error``, ``detail``."""
    word: str
    """The kind of event in one word, padded where the words in neighbouring lines are longer."""
    subject: str
    """The connection, the setting or the command in question: ``#17``, ``cap``; else ``server``."""
    text: str
    before: str = ""
    """Words of a log in front of `text`; the dashboard leaves them out."""
    after: str = ""
    """Words of a log behind `text`; the dashboard leaves them out."""
    kind: str = ""
    """The kind of event for `app.watch.explanations`; empty if it is `word`."""

    @property
    def explained_as(self) -> str:
        """The key of the entry in `app.watch.explanations.EVENTS`."""
        return self.kind or self.word.strip()

    @property
    def brief(self) -> str:
        """The entry for the dashboard, without subject and time."""
        return self.text if self.word in _IMPLIED else f"{self.word} {self.text}"

    @property
    def line(self) -> str:
        """The entry for a log, without the time."""
        if self.subject == _SERVER:
            return f"{self.word:<8} {self.before}{self.text}{self.after}"
        return f"{self.word:<8} {self.subject} {self.before}{self.text}{self.after}"


def entries(event: Event) -> Iterator[JournalEntry]:
    """The dashboard's entries for an event, in order: none, one, or one with remarks."""
    if isinstance(event, CommandResult) and event.command in ROUTINE:
        return  # the dashboard traces what is selected: it would log each move
    if isinstance(event, Notice) and event.level == "debug":
        return  # a traceback is for the log
    if isinstance(event, KeptBytes | Iteration | Iterations | LoopHeld | LoopResumed | Stepped):
        return  # for the client that has asked, and for the pane of the loop
    yield entry(event)
    if isinstance(event, Listening):
        for note in event.notes:
            yield JournalEntry(event.t, "warning", "warning", _SERVER, note)
    elif isinstance(event, Io) and event.gap_follows:
        text = "… the calls that follow are not shown"
        yield JournalEntry(event.t, "info", "info", f"#{event.id}", text, kind="gap")


def entry(event: Event) -> JournalEntry:
    """The wording of one event."""
    if type(event) is Opened:
        more = f" fd {event.fd} worker {event.worker}" if event.worker else f" fd {event.fd}"
        return JournalEntry(event.t, "open", "opened ", f"#{event.id}", event.peer, "", more)
    if type(event) is Closed:
        return _closed(event)
    match event:
        case StateChanged():
            text = f"{event.old.value} → {event.new.value}"
            return JournalEntry(event.t, "info", "state", f"#{event.id}", text)
        case Toggled():
            is_first = event.armed and not event.offered
            text = ARMED_FIRST if is_first else "armed" if event.armed else "disarmed"
            if event.armed or event.pending:
                text += f", {words_size(event.pending)} pending"
            tone = "info" if is_first else "warning" if event.armed else "good"
            kind = "POLLOUT armed" if event.armed else "POLLOUT disarmed"
            return JournalEntry(event.t, tone, "POLLOUT", f"#{event.id}", text, kind=kind)
        case Io():
            return _io(event)
        case Bytes():
            text = f"{event.call} {event.data.hex(' ')}"
            return JournalEntry(event.t, "detail", "bytes", f"#{event.id}", text)
        case Kernel():
            return _kernel(event)
        case _:
            return _of_the_server(event)


def _closed(event: Closed) -> JournalEntry:
    what = event.detail
    if event.diagnosis is not None:
        what = f"{what}; {event.diagnosis.name}" if what else event.diagnosis.name
    detail = f" ({what})" if what else ""
    return JournalEntry(
        event.t,
        "close" if event.reason in ORDERLY else "error",
        "closed ",
        f"#{event.id}",
        f"{event.reason}{detail}, {_frames(event.frames_out)}",
        f"{event.peer} ",
        f", {event.bytes_in:,} B in, {event.bytes_out:,} B out, {event.t - event.opened_at:.3f} s",
        f"closed {event.reason}",
    )


def _io(event: Io) -> JournalEntry:
    kind = ""
    if event.result < 0:
        outcome, tone = event.error or "error", "warning"
        kind = "EAGAIN" if outcome == "EAGAIN" else "failed call"
    elif event.result == 0 and event.call == "read":
        outcome = kind = "EOF"
        tone = "info"
    else:
        outcome, tone = f"{event.result:,}", "detail"
        if event.call == "write" and event.result < event.asked:
            outcome, tone, kind = f"{outcome}, partial", "warning", "partial write"
    text = f"{event.asked:,} B → {outcome}"
    return JournalEntry(event.t, tone, f"{event.call:<5}", f"#{event.id}", text, kind=kind)


def _kernel(event: Kernel) -> JournalEntry:
    figures = (
        (event.unread, "{:,} B unread"),
        (event.unacknowledged, "{:,} B unacknowledged"),
        (event.send_buffer, "send buffer {:,} B"),
        (event.rtt_us, "rtt {:,} µs"),
        (event.rttvar_us, "rttvar {:,} µs"),
        (event.cwnd, "cwnd {:,}"),
        (event.mss, "mss {:,} B"),
        (event.unacked_segments, "{:,} segments unacknowledged"),
        (event.retransmits, "{:,} retransmits"),
        (event.probes, "{:,} probes"),
        (event.read_size or None, "reads of {:,} B"),
        (event.unobserved_read_size or None, "of {:,} B unobserved"),
    )
    text = ", ".join(form.format(value) for value, form in figures if value is not None)
    return JournalEntry(event.t, "detail", "kernel", f"#{event.id}", text)


def _of_the_server(event: Event) -> JournalEntry:
    match event:
        case Listening():
            return JournalEntry(event.t, "good", "listening", _SERVER, f"on {addresses(event)}")
        case SettingChanged():
            old, new = setting_words(event.name, event.old), setting_words(event.name, event.new)
            text = f"{old} → {new}{by_whom(event)}"
            return JournalEntry(event.t, "info", "setting", event.name, text)
        case CommandResult():
            tone = "good" if event.ok else "error"
            text = f"{event.message}{by_whom(event)}"
            if event.id is None:
                return JournalEntry(event.t, tone, "command", event.command, text)
            subject, before = f"#{event.id}", f"{event.command}: "
            return JournalEntry(event.t, tone, "command", subject, text, before)
        case Notice():
            kind = "gap" if event.text.startswith("…") else ""
            return JournalEntry(event.t, event.level, event.level, _SERVER, event.text, kind=kind)
        case Stopping():
            text = f"on {event.cause}: {event.open:,} open, grace {event.grace:g} s"
            return JournalEntry(event.t, "warning", "stopping", _SERVER, text)
        case Stopped():
            text = f"on {event.cause}: {event.closed:,} connections, {_frames(event.frames_out)}"
            moved = f", {event.bytes_in:,} B in, {event.bytes_out:,} B out"
            return JournalEntry(event.t, "warning", "stopped", _SERVER, text, after=moved)
        case Crashed():
            return JournalEntry(event.t, "error", "crashed", _SERVER, event.error)
        case LoopHeld():
            return JournalEntry(event.t, "info", "loop", _SERVER, f"{event.where}, {event.cause}")
        case LoopResumed():
            return JournalEntry(event.t, "info", "loop", _SERVER, f"goes on, {event.cause}")
        case Stepped():
            return JournalEntry(event.t, "detail", "step", _SERVER, event.words)
        case Iteration():
            return JournalEntry(event.t, "detail", "loop", _SERVER, iteration_words(event))
        case _:
            return JournalEntry(event.t, "detail", type(event).__name__, _SERVER, "")


def by_whom(event: SettingChanged | CommandResult) -> str:
    """Return ``, by NAME (pid N)``, the process that asked; empty if it is not known."""
    if not event.by_pid:
        return f", by {event.by_name}" if event.by_name else ""
    return f", by {event.by_name or 'a process'} (pid {event.by_pid})"


def _frames(count: int) -> str:
    return f"{count:,} frame{'' if count == 1 else 's'}"


def setting_words(name: str, value: float | str) -> str:
    """The value of a setting for people: ``1MiB``, ``2.5 s``, ``off``, ``direct``."""
    if isinstance(value, str):
        return value
    if name == "cap":
        return format_size(int(value))
    if name in TIMEOUTS:
        return f"{value:g} s" if value else "off"
    return f"{value:g}" if isinstance(value, float) else f"{value:,}"


def address(event: Listening) -> str:
    """The first listening address; an IPv6 address in brackets, all interfaces as ``*``."""
    return format_address((event.host or "*", event.port))


def addresses(event: Listening) -> str:
    """All listening addresses, the first one first."""
    others = (format_address((one.host, one.port)) for one in event.listeners[1:])
    return ", ".join((address(event), *others))
