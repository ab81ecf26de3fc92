"""The ends of the connections of each peer host, and the notes that follow from them.

One connection that breaks off proves little. So a note needs several that closed one after the
other, each opened after the one before had closed: those that end together, as with their program,
count once. And at least half of the latest ones of the host must have closed so.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from ..core.addresses import host_of
from ..core.events import Closed, Reason
from ..core.habits import HostNote

MOST_HOSTS: Final = 512
"""Hosts that are remembered; those of which no connection has closed for longest go first."""
LATEST: Final = 12
"""Closed connections of a host that are remembered."""
FORGOTTEN_AFTER: Final = 600.0
"""Seconds after which a note lapses if no connection has closed so again."""
AT_ONCE: Final = 0.2
"""Seconds after a close within which a peer reconnects fast."""
FAILS_WITHIN: Final = 0.5
"""Seconds that a connection lasts at the most which counts as a failed attempt."""
OVERLAP: Final = 0.05
"""Seconds before the close of one connection in which the next may have been opened: the loop may
accept it before it reads the end of the other."""
LONG_OVERLAP: Final = 0.5
"""The same for a pace that keeps the loop busy: thousands of connections a second."""
BRIEF: Final = 5.0
"""Seconds that a connection made for one frame lasts at the most."""
JUDGED_AGAIN: Final = 1.0
"""Seconds after which a note that stands is judged again."""
_NO_NOTES: Final[Mapping[str, HostNote]] = MappingProxyType({})


def is_for_one_frame(closed: Closed, _after: float) -> bool:
    """Whether a connection was opened for a single frame."""
    lasted = closed.t - closed.opened_at
    return closed.frames_in == 1 and closed.reason is _EOF and lasted <= BRIEF


def is_fast_return(closed: Closed, after: float) -> bool:
    """Whether a connection was opened at once after a close, and ended at once without a frame.

    `after` is in seconds from the latest close of the same host to the opening of this connection;
    negative if it was opened before.
    """
    if closed.frames_in or after > AT_ONCE:
        return False
    return closed.t - closed.opened_at <= FAILS_WITHIN and closed.reason not in _NOT_A_FAILURE


def is_half_counted(closed: Closed, _after: float) -> bool:
    """Whether a body was short by exactly the 4 bytes of a header that counts itself."""
    return closed.reason in _IN_BODY and _missing(closed) == 4


def is_mid_frame(closed: Closed, after: float) -> bool:
    """Whether the peer ended inside a frame, of which not just 4 bytes were missing."""
    return closed.reason in _MID_FRAME and not is_half_counted(closed, after)


def is_unread(closed: Closed, _after: float) -> bool:
    """Whether the peer closed before it had read its echo: its kernel answers that with RST."""
    return closed.reason is _RESET and closed.bytes_out > 0 and not _missing(closed)


_EOF: Final = Reason.EOF  # a member of an enumeration is found in 50 ns
_RESET: Final = Reason.RESET
_NOT_A_FAILURE: Final = frozenset(
    {
        Reason.KILLED,
        Reason.SHUTDOWN,
        Reason.ERROR,
        Reason.EOF_MID_HEADER,
        Reason.EOF_MID_BODY,
    }
)
"""Close reasons of our own, and those that say more than that it came back."""
_IN_BODY: Final = frozenset({Reason.EOF_MID_BODY, Reason.TIMEOUT_BODY})
_MID_FRAME: Final = frozenset({Reason.EOF_MID_HEADER, Reason.EOF_MID_BODY})


def _missing(closed: Closed) -> int:
    return 0 if closed.habits is None else closed.habits.missing


class _Rule(NamedTuple):
    note: str
    counts: Callable[[Closed, float], bool]
    times: int
    """Connections, one after the other, from which on it is a habit."""
    within: float
    """Seconds in which these must have closed."""
    words: Callable[[int, int, list[Closed]], str]
    """Makes the sentence of the number that count, the number of all, and those that count."""
    is_pace: bool = False
    """Whether it is about how quickly connections follow each other."""


def _one_frame(count: int, of: int, ends: list[Closed]) -> str:
    mean = 1000 * sum(each.t - each.opened_at for each in ends) / len(ends)
    return (
        f"{count} of its last {of} connections closed after one frame each, after {mean:.0f} ms in "
        "the mean: it opens a connection for each frame, so keep one open and send all over it"
    )


def _fast(count: int, of: int, ends: list[Closed]) -> str:
    silent = "" if any(each.bytes_in for each in ends) else ", without a byte from it"
    return (
        f"{count} of its last {of} connections were opened within {AT_ONCE:g} s after the one "
        f"before had closed, and ended as {_reasons(ends)}{silent}: wait longer before each attempt"
    )


def _half(count: int, of: int, _ends: list[Closed]) -> str:
    return (
        f"{count} of its last {of} connections ended with a body exactly 4 bytes short of the "
        "announced length: it counts the header in the length, so announce the body alone"
    )


def _mid(count: int, of: int, ends: list[Closed]) -> str:
    details = f", the latest with {ends[-1].detail}" if ends[-1].detail else ""
    if len(short := {_missing(each) for each in ends}) == 1 and len(ends) > 1 and any(short):
        details += f", each time {short.pop():,} bytes short"
    return (
        f"{count} of its last {of} connections ended inside a frame{details}: it closes before all "
        "is sent, or announces more than it sends"
    )


def _unread(count: int, of: int, ends: list[Closed]) -> str:
    lost = sum(0 if each.habits is None else each.habits.lost for each in ends)
    told = f", with {lost:,} bytes of echo lost in all" if lost else ""
    cause = "" if lost else " (or sets SO_LINGER to 0)"
    return (
        f"{count} of its last {of} connections ended with RST after frames were echoed{told}: it "
        f"closes before it has read its echo{cause}, so read all of it first"
    )


def _reasons(ends: list[Closed]) -> str:
    return ", ".join(dict.fromkeys(each.reason.value for each in ends))


RULES: Final = (
    _Rule("connection_per_frame", is_for_one_frame, 8, 60.0, _one_frame, is_pace=True),
    _Rule("reconnects_fast", is_fast_return, 8, 30.0, _fast, is_pace=True),
    _Rule("half_counted", is_half_counted, 2, FORGOTTEN_AFTER, _half),
    _Rule("ends_mid_frame", is_mid_frame, 3, FORGOTTEN_AFTER, _mid),
    _Rule("closes_unread", is_unread, 3, FORGOTTEN_AFTER, _unread),
)
"""The notes that are judged by the ends of connections, each by one function of one end."""


_PACES: Final = frozenset(rule.note for rule in RULES if rule.is_pace)


class HostEnds:
    """The latest ends of the connections of one host, and the notes about it."""

    __slots__ = ("_ends", "_judged_at", "_latest", "host", "notes")

    def __init__(self, host: str) -> None:
        self.host = host
        self.notes: dict[str, HostNote] = {}
        """By word; some may have lapsed (`is_valid`)."""
        # The latest ends, each with the notes that it counts for.
        self._ends: deque[tuple[Closed, list[str]]] = deque(maxlen=LATEST)
        self._judged_at: dict[str, float] = {}  # by word, of those that stand
        self._latest: float | None = None  # when a connection of it last closed

    def add(self, closed: Sequence[Closed]) -> None:
        """Note that connections have closed, and judge the latest ones anew."""
        counting: set[str] = set()
        first = max(0, len(closed) - LATEST)  # those before are not kept
        for index in range(max(0, first - LATEST), len(closed)):
            one = closed[index]
            after = -inf if self._latest is None else one.opened_at - self._latest
            self._latest = one.t if self._latest is None else max(self._latest, one.t)
            if index >= first:
                rules = [rule.note for rule in RULES if rule.counts(one, after)]
                self._ends.append((one, rules))
                counting.update(rules)
        for rule in RULES if counting else ():
            if rule.note in counting:
                self._judge(rule)
        if self.notes:
            self._take_back()

    def _judge(self, rule: _Rule) -> None:
        known = self.notes.get(rule.note)
        if known is not None:
            newest, _ = self._ends[-1]
            if 0 <= newest.t - self._judged_at[rule.note] < JUDGED_AGAIN:
                return
        counting = self._counting_for(rule)
        if len(counting) < rule.times or not self._are_most(counting):
            return
        latest = counting[-1]
        recent = [one for one in counting if latest.t - one.t <= rule.within]
        if _in_turn(recent, LONG_OVERLAP if rule.is_pace else OVERLAP) < rule.times:
            return
        since = known.since if known is not None and is_valid(known, latest.t) else latest.t
        text = rule.words(len(counting), len(self._ends), counting)
        ids = tuple(one.id for one in counting)
        self.notes[rule.note] = HostNote(self.host, rule.note, text, since, latest.t, ids)
        self._judged_at[rule.note] = latest.t

    def _counting_for(self, rule: _Rule) -> list[Closed]:
        return [closed for closed, rules in self._ends if rule.note in rules]

    def _are_most(self, counting: list[Closed]) -> bool:
        return 2 * len(counting) >= len(self._ends)

    def _take_back(self) -> None:
        """Take back the notes that most of the latest ends speak against."""
        for rule in RULES:
            if rule.note in self.notes and not self._are_most(self._counting_for(rule)):
                del self.notes[rule.note]

    def adopt(self, note: HostNote) -> None:
        """Take over a note that another state has made."""
        self.notes[note.note] = note
        self._judged_at[note.note] = note.last

    def shift(self, seconds: float) -> None:
        """Forget the ends: their times are of before the wall clock was set by `seconds`."""
        self._ends.clear()
        self._latest = None
        for note in list(self.notes.values()):
            moved = msgspec.structs.replace(
                note, since=note.since + seconds, last=note.last + seconds
            )
            self.adopt(moved)


def is_valid(note: HostNote, now: float) -> bool:
    """Whether a note about a host has not lapsed at `now`, in Unix seconds."""
    return now - note.last <= FORGOTTEN_AFTER


def has_held(note: HostNote, now: float, seconds: float) -> bool:
    """Whether a note has held for so many seconds.

    A pace must have been kept for as long: a burst of connections is no habit.
    """
    until = note.last if note.note in _PACES else now
    return until - note.since >= seconds and is_valid(note, now)


def _in_turn(ends: list[Closed], overlap: float) -> int:
    """Count ends, each of a connection that was opened after the one before had closed.

    It may have been opened `overlap` seconds earlier.
    """
    count, closed_at = 0, -inf
    for one in ends:
        if one.opened_at >= closed_at - overlap:
            count, closed_at = count + 1, one.t
    return count


class HostTable:
    """The hosts that have, or had, connections; one thread at a time may use it."""

    def __init__(self) -> None:
        self._hosts: OrderedDict[str, HostEnds] = OrderedDict()
        self._noted: dict[str, dict[str, HostNote]] = {}  # the notes of those that have some

    def add(self, ended: Iterable[Closed]) -> None:
        """Note that connections have closed, in this order, and judge their hosts.

        To be called once for all of a batch: thousands may close in each second.
        """
        by_host: defaultdict[str, list[Closed]] = defaultdict(list)
        for closed in ended:
            by_host[host_of(closed.peer)].append(closed)
        for host, ends in by_host.items():
            known = self._of(host)
            known.add(ends)
            self._note(known)

    def _of(self, host: str) -> HostEnds:
        if (known := self._hosts.get(host)) is None:
            known = self._hosts[host] = HostEnds(host)
            if len(self._hosts) > MOST_HOSTS:
                self._noted.pop(self._hosts.popitem(last=False)[0], None)
        else:
            self._hosts.move_to_end(host)
        return known

    def _note(self, host: HostEnds) -> None:
        if host.notes:
            self._noted[host.host] = host.notes
        else:
            self._noted.pop(host.host, None)

    def notes_about(self, peer: str) -> Mapping[str, HostNote]:
        """Return the notes about the host of a peer's address, by word; some may have lapsed."""
        return self._noted.get(host_of(peer), _NO_NOTES) if self._noted else _NO_NOTES

    def standing(self, now: float) -> list[HostNote]:
        """Return the notes about hosts that stand at `now`, in Unix seconds."""
        notes = [note for noted in self._noted.values() for note in noted.values()]
        return [note for note in notes if is_valid(note, now)]

    def adopt(self, notes: Iterable[HostNote]) -> None:
        """Take over notes that another state has made; they replace its own."""
        for note in notes:
            host = self._of(note.host)
            host.adopt(note)
            self._note(host)

    def shift(self, seconds: float) -> None:
        """Add `seconds` to the times of all notes: the wall clock was set by so many."""
        for host in self._hosts.values():
            host.shift(seconds)

    def clear(self) -> None:
        """Forget all hosts."""
        self._hosts.clear()
        self._noted.clear()
