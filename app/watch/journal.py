"""Events in words, for the event log and for the recent events of one connection."""

from __future__ import annotations

from typing import NamedTuple

from ..core.addresses import format_address
from ..core.events import (
    ORDERLY,
    Closed,
    CommandResult,
    Crashed,
    Event,
    Io,
    Listening,
    Notice,
    Opened,
    SettingChanged,
    StateChanged,
    Stopped,
    Stopping,
    Toggled,
)
from ..core.settings import TIMEOUTS, format_size
from .figures import words_size


class JournalEntry(NamedTuple):
    """One line of a log. `text` may hold text of a peer: it must never be read as markup."""

    t: float
    level: str
    """``open``, ``close``, ``info``, ``good``, ``warning``, ``error`` or ``detail``."""
    subject: str
    """What the line is about in a word or two: ``#17``, ``cap``, ``server``."""
    text: str


def entry(event: Event) -> JournalEntry | None:
    """The log line of an event; None for snapshots, statistics and results not worth a line."""
    match event:
        case Opened():
            return JournalEntry(event.t, "open", f"#{event.id}", f"opened  {event.peer}")
        case Closed():
            return _closed(event)
        case Toggled(armed=True):
            text = f"POLLOUT armed, {words_size(event.pending)} pending"
            return JournalEntry(event.t, "warning", f"#{event.id}", text)
        case Toggled():
            text = "POLLOUT disarmed"
            if event.pending:
                text += f", {words_size(event.pending)} pending"
            return JournalEntry(event.t, "good", f"#{event.id}", text)
        case StateChanged():
            text = f"{event.old.value} → {event.new.value}"
            return JournalEntry(event.t, "info", f"#{event.id}", text)
        case Io():
            return _io(event)
        case _:
            return _of_the_server(event)


def _closed(event: Closed) -> JournalEntry:
    level = "close" if event.reason in ORDERLY else "error"
    frames = f"{event.frames_out:,} frame{'' if event.frames_out == 1 else 's'}"
    detail = f" ({event.detail})" if event.detail else ""
    text = f"closed  {event.reason.value}{detail}, {frames}"
    return JournalEntry(event.t, level, f"#{event.id}", text)


def _io(event: Io) -> JournalEntry:
    if event.result < 0:
        outcome, level = event.error or "error", "warning"
    elif event.result == 0 and event.call == "read":
        outcome, level = "EOF", "info"
    else:
        outcome, level = f"{event.result:,}", "detail"
        if event.call == "write" and event.result < event.asked:
            outcome, level = f"{outcome}, partial", "warning"
    text = f"{event.call:<5} {event.asked:,} B → {outcome}"
    return JournalEntry(event.t, level, f"#{event.id}", text)


def _of_the_server(event: Event) -> JournalEntry | None:
    match event:
        case Listening():
            text = f"listening on {address(event)}"
            return JournalEntry(event.t, "good", "server", text)
        case SettingChanged():
            old, new = setting_words(event.name, event.old), setting_words(event.name, event.new)
            return JournalEntry(event.t, "info", event.name, f"{old} → {new}")
        case CommandResult():
            if event.command == "trace":
                return None  # the dashboard traces what is selected: it would log each move
            subject = event.command if event.id is None else f"#{event.id}"
            return JournalEntry(event.t, "good" if event.ok else "error", subject, event.message)
        case Notice():
            return JournalEntry(event.t, event.level, "server", event.text)
        case Stopping():
            text = f"stopping ({event.cause}): {event.open:,} open, {event.grace:g} s of grace"
            return JournalEntry(event.t, "warning", "server", text)
        case Stopped():
            text = f"stopped ({event.cause}): {event.frames_out:,} frames echoed"
            return JournalEntry(event.t, "warning", "server", text)
        case Crashed():
            return JournalEntry(event.t, "error", "server", f"crashed: {event.error}")
        case _:
            return None


def setting_words(name: str, value: float | str) -> str:
    """A setting's value for people: ``1MiB``, ``2.5 s``, ``off``, ``direct``."""
    if isinstance(value, str):
        return value
    if name == "cap":
        return format_size(int(value))
    if name in TIMEOUTS:
        return f"{value:g} s" if value else "off"
    return f"{value:g}" if isinstance(value, float) else f"{value:,}"


def address(event: Listening) -> str:
    """Where the server listens; an IPv6 address in brackets, all interfaces as ``*``."""
    return format_address((event.host or "*", event.port))
