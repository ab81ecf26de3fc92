"""Notes about a peer: habits that cost it time or will stall it, each with its evidence.

A note is judged by one pure function of a connection and the time, which returns its sentence and
since when it has been so. It is shown once it has held for `HELD` seconds. A wrong note is worse
than none: each function asks for what no good client does again and again. Nothing is remembered
here: the times since when something is so come with the figures (`app.core.habits`), or with the
ends of connections (`app.watch.host_ends`), so a note is told though nothing more happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias

from ..core.addresses import host_of
from ..core.events import ConnectionState, Snapshot
from ..core.framing import HEADER_SIZE
from ..core.habits import EMPTY_AGAIN, Habits, HostNote
from .figures import words_size, words_span
from .host_ends import RULES, HostTable, has_held
from .row import Row

HELD: Final = 1.0
"""Seconds for which a note must have held before it is shown."""
STANDS: Final = 1.0
"""Seconds without a byte after which a body of which 4 bytes are missing counts as short."""
IN_ONE_GO: Final = 0.25
"""Seconds within which all that came of such a body has come."""
MUCH: Final = 16 * 1024
"""Bytes that a peer has sent on while it takes none of its echo."""
BLOCKED: Final = 2.0
"""Seconds for which a peer has taken nothing, after which both sides will block."""
CLOSED_WINDOW: Final = 4.0
"""The same after which its window counts as closed for long."""
UNSEEN: Final = 10.0
"""The same for both, of a peer that is not on this machine: a steady reader may acknowledge only
every 7 s, and nobody sees what it reads in between (`app.server.unacknowledged`)."""
FIRST_FRAMES: Final = 2
"""Frames after which a connection is not one that was opened for a single frame."""
STAYS: Final = 5.0
"""Seconds after which a connection is not one of those that are opened again at once."""


class Note(NamedTuple):
    """A note about a peer."""

    word: str
    text: str
    """The evidence, in one sentence."""
    since: float
    """Since when it has been so, in Unix seconds."""


class Lint(NamedTuple):
    """A note about the connections of one host."""

    peer: str
    """The host."""
    note: str
    text: str
    ids: tuple[int, ...]


Found: TypeAlias = tuple[str, float] | None
"""The sentence of a note and since when it has been so, in Unix seconds; None if it is not."""


def nagle(row: Row, _now: float) -> Found:
    """Judge whether bodies come about 40 ms behind their headers, again and again."""
    habits = _habits(row)
    if not habits or not habits.late_since:
        return None
    least, most = habits.late_least_us // 1000, habits.late_most_us // 1000
    gaps = f"{least} ms" if least == most else f"{least} to {most} ms"
    text = (
        f"{habits.late_bodies:,} of {habits.headers_alone:,} bodies whose header came alone "
        f"followed it by {gaps}: header and body are written apart, and Nagle's algorithm holds "
        "the body back, so write both at once or set TCP_NODELAY"
    )
    return text, habits.late_since


def byte_by_byte(row: Row, _now: float) -> Found:
    """Judge whether frames are written one byte at a time."""
    habits = _habits(row)
    if not habits or not habits.single_since:
        return None
    text = (
        f"{habits.single_bytes:,} of {habits.pieces:,} reads inside its frames gave a single byte: "
        "it writes byte by byte, so collect a frame and write it at once"
    )
    return text, habits.single_since


def empty_frames(row: Row, _now: float) -> Found:
    """Judge whether many of the frames have no body."""
    frames, habits = row.count("frames_in"), _habits(row)
    if row.diagnosis is not None:
        return None  # it explains the zeros
    if frames >= EMPTY_AGAIN and row.count("bytes_in") == frames * HEADER_SIZE:
        text = f"all of its {frames:,} frames are empty (length 0): it sends headers without a body"
        return text, row.opened.t + HELD
    if not habits or not habits.empty_since:
        return None
    text = f"{habits.empty:,} of {habits.sampled:,} frames that were looked at are empty (length 0)"
    if abs(habits.sampled - 2 * habits.empty) <= 1:
        text += ", every other one: so a length of 8 bytes reads; write it in 4, if it is that"
    else:
        text += ": it sends headers without a body among its frames"
    return text, habits.empty_since


def pipelines_without_reading(row: Row, now: float) -> Found:
    """Judge whether the peer sends on and on while it takes nothing of its echo."""
    snapshot, habits = _stopped(row)
    if not snapshot or not habits or not snapshot.pending or habits.waiting < MUCH:
        return None
    left = words_size(snapshot.pending + snapshot.unacked_bytes)
    text = (
        f"it has sent {words_size(habits.waiting)} more while {left} of its echo wait, of which it "
        f"has taken nothing for {words_span(now - habits.stopped_since)}: both sides will block, "
        "so read echoes while sending"
    )
    return text, habits.stopped_since + _patience(snapshot, BLOCKED)


def window_closes(row: Row, now: float) -> Found:
    """Judge whether the peer's receive window is closed for long."""
    snapshot, habits = _stopped(row)
    if not snapshot or not habits or pipelines_without_reading(row, now):
        return None
    queues = snapshot.queues
    if not queues or queues.window != 0 or queues.in_flight_bytes:
        return None
    left = snapshot.pending + (queues.unacked_bytes or 0)
    text = (
        f"its receive window has been closed for {words_span(now - habits.stopped_since)}, with "
        f"{words_size(left)} of echo that cannot be sent: its program does not read"
    )
    return text, habits.stopped_since + _patience(snapshot, CLOSED_WINDOW)


def half_counted(row: Row, _now: float) -> Found:
    """Judge whether a body stands 4 bytes short: its length counts the header."""
    snapshot = row.snapshot
    if snapshot is None or snapshot.state is not ConnectionState.READ_BODY:
        return None
    missing = snapshot.body_length - snapshot.body_read
    came_within = snapshot.active_at - snapshot.frame_at
    if missing != HEADER_SIZE or not snapshot.body_read or came_within > IN_ONE_GO:
        return None
    if snapshot.unread or snapshot.pending:
        return None
    text = (
        f"the header announces {snapshot.body_length:,} bytes, {snapshot.body_read:,} came with it "
        "and no more: exactly 4 are missing, so the length counts its own header; announce the "
        "body alone"
    )
    return text, snapshot.active_at + STANDS


CONNECTION_NOTES: Final[dict[str, Callable[[Row, float], Found]]] = {
    "nagle": nagle,
    "byte_by_byte": byte_by_byte,
    "pipelines_without_reading": pipelines_without_reading,
    "empty_frames": empty_frames,
    "half_counted": half_counted,
    "window_closes": window_closes,
}
"""The notes that are judged by the figures of one connection."""
WORDS: Final = tuple(dict.fromkeys((*CONNECTION_NOTES, *(rule.note for rule in RULES))))
"""The words of all notes."""


def notes_of(row: Row, now: float) -> list[Note]:
    """Return the notes about a connection that have held for `HELD` seconds at `now`.

    The notes about its host are among them. A closed connection has those that stood at its end.
    """
    if row.closed is not None:
        now = row.closed.t
    notes = []
    if _may_have_notes(row):
        notes = [note for note in _of_connection(row, now) if now - note.since >= HELD]
    if row.hosts is not None and (known := row.hosts.notes_about(row.peer)):
        words = {note.word for note in notes}
        found = _of_host(known.values(), row, now)
        notes += [note for note in found if note.word not in words]
    return notes


def words_of(row: Row, now: float) -> list[str]:
    """Return the words of `notes_of`."""
    return [note.word for note in notes_of(row, now)]


def lint(rows: Iterable[Row], hosts: HostTable, now: float) -> list[Lint]:
    """Return what stands of all hosts, by host and note: of open connections, and of closed ones.

    The sentence is that of the latest connection.
    """
    found: dict[tuple[str, str], Lint] = {}
    for note in hosts.standing(now):
        if has_held(note, now, HELD):
            found[note.host, note.note] = Lint(note.host, note.note, note.text, note.ids)
    for row in rows:
        host = host_of(row.peer)
        for each in _of_connection(row, now if row.closed is None else row.closed.t):
            if (now if row.closed is None else row.closed.t) - each.since >= HELD:
                known = found.get((host, each.word))
                ids = (*(known.ids if known else ()), row.id)
                found[host, each.word] = Lint(host, each.word, each.text, ids)
    order = {word: number for number, word in enumerate(WORDS)}
    return sorted(found.values(), key=lambda one: (one.peer, order[one.note]))


def _of_connection(row: Row, now: float) -> Iterator[Note]:
    for word, judge in CONNECTION_NOTES.items():
        found = judge(row, now)
        if found is not None:
            yield Note(word, *found)


def _of_host(known: Iterable[HostNote], row: Row, now: float) -> Iterator[Note]:
    """Yield the notes about its host that stood when a connection was opened, and fit it still."""
    for note in known:
        was_known = row.opened.t >= note.since
        if was_known and has_held(note, now, HELD) and _fits(note.note, row, now):
            yield Note(note.note, note.text, note.since)


def _fits(word: str, row: Row, now: float) -> bool:
    """Whether a connection has done nothing yet that speaks against a note about its host."""
    match word:
        case "connection_per_frame":
            return row.count("frames_in") < FIRST_FRAMES
        case "reconnects_fast":
            return row.age(now) < STAYS and not row.count("frames_in")
        case "half_counted":
            return not row.count("frames_in")
        case _:
            return True


def _may_have_notes(row: Row) -> bool:
    """Whether the figures of a connection are worth a judgement: those of most are not."""
    snapshot = row.snapshot
    if snapshot is None:
        return row.closed is not None
    if snapshot.habits is not None or snapshot.state is ConnectionState.READ_BODY:
        return True
    return bool(snapshot.frames_in) and snapshot.bytes_in == snapshot.frames_in * HEADER_SIZE


def _habits(row: Row) -> Habits | None:
    known = row.closed or row.snapshot
    return None if known is None else known.habits


def _stopped(row: Row) -> tuple[Snapshot | None, Habits | None]:
    """Return the figures of a peer that takes nothing of its echo; None if it does, or has gone."""
    snapshot = row.snapshot
    if snapshot is None or snapshot.habits is None or not snapshot.habits.stopped_since:
        return None, None
    queues = snapshot.queues
    if queues is None or not queues.has_stopped or not queues.answers:
        return None, None
    return snapshot, snapshot.habits


def _patience(snapshot: Snapshot, seconds: float) -> float:
    queues = snapshot.queues
    is_seen = queues is not None and queues.peer_unread_bytes is not None
    return seconds if is_seen else UNSEEN
