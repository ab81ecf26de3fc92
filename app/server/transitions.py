"""The states that a connection passes in a wake-up, along the arrows of the drawing."""

from __future__ import annotations

from typing import Final

from ..core.events import ConnectionState
from .machine import READ_BODY, READ_LEN, WRITE_BODY

_CYCLE: Final = (READ_LEN, READ_BODY, WRITE_BODY)


def passed(
    before: ConnectionState, after: ConnectionState, has_echoed: bool = False
) -> tuple[ConnectionState, ...]:
    """Return the states from `before` to `after`, both included; one if nothing has changed.

    One wake-up may pass several: a frame that comes whole is in READ_BODY for no time that a poll
    could see. `has_echoed` says that an echo was written, so that WRITE_BODY was passed in any
    case; after a whole frame the state may be the same as before.
    """
    states = [before]
    if before in _CYCLE and has_echoed:
        _walk(states, WRITE_BODY)
    if after in _CYCLE and before in _CYCLE:
        _walk(states, after)
    elif after is not states[-1]:
        states.append(after)
    return tuple(states)


def _walk(states: list[ConnectionState], to: ConnectionState) -> None:
    while states[-1] is not to:
        states.append(_CYCLE[(_CYCLE.index(states[-1]) + 1) % len(_CYCLE)])
