"""The states of a wake-up stand in the order of the drawing."""

from __future__ import annotations

import pytest

from app.core.events import ConnectionState
from app.server.transitions import passed

LEN, BODY, WRITE = ConnectionState.READ_LEN, ConnectionState.READ_BODY, ConnectionState.WRITE_BODY
DRAINING, CLOSED = ConnectionState.DRAINING, ConnectionState.CLOSED


@pytest.mark.parametrize(
    ("before", "after", "has_echoed", "path"),
    [
        (LEN, LEN, False, (LEN,)),
        (LEN, LEN, True, (LEN, BODY, WRITE, LEN)),
        (LEN, BODY, False, (LEN, BODY)),
        (LEN, BODY, True, (LEN, BODY, WRITE, LEN, BODY)),
        (LEN, WRITE, False, (LEN, BODY, WRITE)),
        (BODY, LEN, True, (BODY, WRITE, LEN)),
        (BODY, BODY, True, (BODY, WRITE, LEN, BODY)),
        (WRITE, LEN, True, (WRITE, LEN)),
        (WRITE, BODY, False, (WRITE, LEN, BODY)),
        (WRITE, WRITE, False, (WRITE,)),
        (LEN, CLOSED, False, (LEN, CLOSED)),
        (LEN, DRAINING, True, (LEN, BODY, WRITE, DRAINING)),
        (DRAINING, CLOSED, False, (DRAINING, CLOSED)),
        (DRAINING, DRAINING, True, (DRAINING,)),
    ],
)
def test_states_are_passed_in_order(
    before: ConnectionState,
    after: ConnectionState,
    has_echoed: bool,
    path: tuple[ConnectionState, ...],
) -> None:
    assert passed(before, after, has_echoed) == path
