"""A recording as a source: time passes as fast as one likes, and back. No Textual.

A place in a recording is a number of batches and a number of items of the next one. Playing moves
it forward over items; to go back, or far ahead, it is set anew: to the keyframe before, from which
the items up to the wanted place are played. Whoever shows the source must then begin with what that
keyframe tells (`ReplaySource.restart`).
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from ..core.commands import Command, Trace
from ..core.events import FIGURES, Event
from ..core.queues import Kernel
from ..core.stepping import LoopHeld
from ..recording.format import Keyframe, Mark, marks_of
from ..recording.reader import Item, Recording
from ..watch.screen_state import KEEP_CLOSED
from ..watch.source import Failure
from ..watch.stream import Drained

_SAMPLES: Final = (*FIGURES, Kernel)
"""Events that measure something and are no step: after one, a screen looks as before."""

SPEEDS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
SETTLING: Final = 2.5
"""Seconds that are played before a place is shown, so that the rates of connections are right."""


class Place(NamedTuple):
    """A position in a recording: everything before it has been played."""

    batch: int
    """Batches played in full."""
    item: int
    """Items played of the next one."""


class ReplaySource:
    """Plays a recording; at first it stands at its beginning."""

    owns_server: Final = False
    grace: Final = 0.0
    keep_closed: Final = KEEP_CLOSED
    """Seconds: nothing stops when a replay is left."""

    def __init__(
        self,
        recording: Recording,
        since: float | None = None,
        until: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`since` and `until`, in Unix seconds, narrow what can be seen of it."""
        self.recording = recording
        self.playing = False
        """Whether time passes."""
        self.speed = 1.0
        """Seconds of the recording in one second."""
        self.refused: list[Command] = []
        """Commands that came all the same, until whoever shows the source has told of them."""
        self._since, self._until = since, until
        self._clock = clock
        self._clock_at = clock()
        self._position = self.start
        self._place = self._target = Place(0, 0)
        self._dropped = 0
        self._restart: Keyframe | None = None
        self._breaks = recording.breaks()
        self._begun_at = -1
        """The batch before which the state that is shown began."""
        self.seek(self.start)

    # --- the source ---

    def now(self) -> float:
        """What the server's wall clock showed at the position, in Unix seconds."""
        return self.recording.wall_times.wall_at(self.position())

    def position(self) -> float:
        """The position, in Unix seconds that never step back; it passes while playing."""
        clock = self._clock()
        if self.playing:
            self._position += (clock - self._clock_at) * self.speed
            self.playing = self._position < self.end
            self._position = min(self._position, self.end)
            self._target = max(self._target, self._place_at(self._position))
        self._clock_at = clock
        return self._position

    def drain(self) -> Drained:
        """Return what happened up to the position since the last call or `restart`."""
        return Drained(list(self._play_on()), [], None, self._dropped)

    def submit(self, command: Command) -> None:
        """Keep what cannot be done, to be told; a trace follows the cursor and needs no telling."""
        if not isinstance(command, Trace):
            self.refused.append(command)

    def failure(self) -> Failure | None:
        """Return None: that the recorded server died is among its events."""

    def restart(self) -> Keyframe | None:
        """Return the keyframe to start from after a jump, or None if there was no jump."""
        keyframe, self._restart = self._restart, None
        return keyframe

    # --- the transport ---

    @property
    def start(self) -> float:
        """Unix time of the earliest position."""
        start, end = self.recording.start, self.recording.end
        return start if self._since is None else max(start, min(self._since, end))

    @property
    def end(self) -> float:
        """Unix time of the latest position."""
        end = self.recording.end
        return end if self._until is None else max(self.start, min(self._until, end))

    def play(self) -> None:
        """Let time pass; from the beginning if it is at its end."""
        if self.position() >= self.end:
            self.seek(self.start)
        self.playing = True

    def pause(self) -> None:
        """Let time stand still."""
        self.position()
        self.playing = False

    def change_speed(self, steps: int) -> None:
        """Choose the speed so many steps faster, or slower."""
        self.position()
        index = SPEEDS.index(self.speed) + steps
        self.speed = SPEEDS[max(0, min(index, len(SPEEDS) - 1))]

    def seek(self, t: float) -> None:
        """Go to a time; instead of one that cannot be seen, to the nearer end."""
        self.position()
        t = max(self.start, min(t, self.end))
        self._go_to(self._place_at(t), t)

    def step(self, back: bool = False, connection: int | None = None) -> bool:
        """Pause, and go to the next event, or to the one before; whether there is one.

        With a `connection`, events of others do not count.
        """
        if connection is not None:
            return self._go_to_next(
                lambda event: (
                    not isinstance(event, _SAMPLES) and getattr(event, "id", None) == connection
                ),
                None,
                back,
            )
        return self._go_to_next(lambda event: not isinstance(event, _SAMPLES), None, back)

    def step_to_hold(self, back: bool = False) -> bool:
        """Pause, and go to the next call before which the loop was held, or to the one before."""
        return self._go_to_next(lambda event: isinstance(event, LoopHeld), None, back)

    def jump(self, mark: Mark, back: bool = False) -> bool:
        """Pause, and go to the next event with a mark, or to the one before; whether there is one.

        Batches without the mark are not even decoded.
        """
        return self._go_to_next(lambda event: bool(marks_of(event) & mark), mark, back)

    # --- moving ---

    def _play_on(self) -> Iterator[Event]:
        while self._place < self._target and self._place.batch < len(self.recording.batches):
            batch, first = self._place
            if first == 0 and batch in self._breaks and self._begin_anew(batch):
                return
            items, self._dropped = self.recording.played(batch)
            is_last = batch == self._target.batch
            end = self._target.item if is_last else None
            yield from (item.event for item in items[first:end])
            self._place = self._target if is_last else Place(batch + 1, 0)

    def _begin_anew(self, batch: int) -> bool:
        """Have the state begin with the keyframe at a break, unless it just has; whether it must:
        the next drain goes on from there.
        """
        if self._begun_at == batch:
            return False
        keyframe = self.recording.keyframe(self._breaks[batch])
        if keyframe is None:
            return False
        self._restart, self._begun_at, self._dropped = keyframe, batch, keyframe.dropped
        return True

    def _place_at(self, t: float) -> Place:
        """The place at which everything up to `t` has been played."""
        batch = self.recording.batch_at(t)
        items = self.recording.played(batch).items
        return Place(batch, bisect_right(items, t, key=lambda item: item.t))

    def _go_to(self, place: Place, t: float) -> None:
        """Have the next drain end at `place`; what cannot be played on begins at a keyframe."""
        recording = self.recording
        self._position, self._target = t, place
        while recording.keyframes:
            index = recording.keyframe_before(place.batch, t - SETTLING)
            # What happened before a break says nothing of what is shown after it.
            shown = place.batch - (place.item == 0)
            began = max((each for each in self._breaks if each <= shown), default=0)
            index = max(index, self._breaks.get(began, 0))
            after = recording.keyframes[index][0]
            can_play_on = after <= self._place.batch and (0, 0) != self._place <= place
            if can_play_on and self._place.batch >= began:
                return
            keyframe = recording.keyframe(index)
            if keyframe is not None:
                self._restart, self._place = keyframe, Place(after, 0)
                self._dropped = keyframe.dropped
                self._begun_at = after
                return

    def _go_to_next(
        self, is_wanted: Callable[[Event], bool], mark: Mark | None, back: bool
    ) -> bool:
        self.pause()
        for place, t in self._places(is_wanted, mark, back):
            if not self.start <= t <= self.end:
                break
            self._go_to(place, t)
            return True
        return False

    def _places(
        self, is_wanted: Callable[[Event], bool], mark: Mark | None, back: bool
    ) -> Iterator[tuple[Place, float]]:
        """Yield the place and time of each wanted event; if `back`, of the earlier ones."""
        places = self._all_places(is_wanted, mark, back)
        first = next(places, None)
        if first is not None and not (back and first[1] >= self._position):
            yield first
        yield from places

    def _all_places(
        self, is_wanted: Callable[[Event], bool], mark: Mark | None, back: bool
    ) -> Iterator[tuple[Place, float]]:
        start, many = self._target, len(self.recording.batches)
        for batch in range(start.batch, -1, -1) if back else range(start.batch, many):
            if not self._may_hold(batch, mark):
                continue
            items = self.recording.played(batch).items
            indices = range(len(items))
            if batch == start.batch:
                indices = indices[: start.item] if back else indices[start.item :]
            for index in reversed(indices) if back else indices:
                if is_wanted(items[index].event):
                    yield Place(batch, _with_figures(items, index)), items[index].t

    def _may_hold(self, batch: int, mark: Mark | None) -> bool:
        if batch >= len(self.recording.batches):
            return False
        entry = self.recording.batches[batch]
        return bool(entry.marks & mark) if mark is not None else entry.events > 0


def _with_figures(items: list[Item], index: int) -> int:
    """Return how many items are played to show the event at `index`: the figures behind it that
    are of the same moment include it, and stand for what it changed.
    """
    count = index + 1
    while (
        count < len(items)
        and items[count].t == items[index].t
        and isinstance(items[count].event, FIGURES)
    ):
        count += 1
    return count
