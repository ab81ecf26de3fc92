"""The model that a dashboard has at a keyframe. No Textual."""

from __future__ import annotations

from ..core.events import Event
from ..recording.format import Keyframe
from ..watch.state import State
from ..watch.stream import Drained


def model_at(keyframe: Keyframe, now: float) -> State:
    """A model as if everything before the keyframe had been applied to it.

    Only the rates of the connections are missing: they are there after a second or two.
    """
    model = State()
    events: list[Event] = [] if keyframe.listening is None else [keyframe.listening]
    # What stays with a connection must be told while it still counts as open.
    events += keyframe.connections
    events += keyframe.snapshots
    events += keyframe.detail
    events += keyframe.departed
    events += keyframe.history
    events += keyframe.figures
    events += [] if keyframe.stopping is None else [keyframe.stopping]
    model.apply(Drained(events, [], None, keyframe.dropped), now)
    model.stats = keyframe.stats  # those of the history stand for the ones between them too
    model.settings.update(keyframe.settings)
    model.opened, model.closed = keyframe.opened, keyframe.closed
    model.retell(keyframe.log, keyframe.deeds)
    return model
