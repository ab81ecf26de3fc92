"""The captions of the demo: each scene is told of who plays it, and none of who does not."""

from app.core.events import Closed, ConnectionState, Event, Reason, Snapshot
from app.watch.captions import FRESH, Caption, next_caption
from app.watch.state import State
from app.watch.stream import Drained
from tests.making import NOW, closed, listening, opened, snapshot

WRITE = ConnectionState.WRITE_BODY
CAST: list[Event] = [
    snapshot(1, frames=90),
    snapshot(2, header=b"\0\0", quiet=0.3),
    snapshot(3, ConnectionState.READ_BODY, body=(400_000, 786_432)),
    snapshot(4, WRITE, out=(100, 400_000), quiet=0.2, partial_writes=9),
    snapshot(10, WRITE, out=(0, 65_483), quiet=0.2, eagains=12),
    snapshot(6, ConnectionState.DRAINING, closing=Reason.EOF, unacked=98_304),
    snapshot(7, header=b"\0\0", quiet=8),
]
ENDS = [
    closed(5, Reason.FRAME_TOO_LARGE, detail="looks like an HTTP request"),
    closed(8, Reason.TIMEOUT_HEADER, detail="2 of 4 header bytes 10.0 s after the first"),
    closed(9, Reason.EOF_MID_BODY, detail="14 of 5,000 body bytes"),
]


def state_of(*events: Event) -> State:
    state = State()
    opening = [opened(each.id) for each in events if isinstance(each, Snapshot | Closed)]
    state.apply(Drained([listening(), *opening, *events], [], None, 0), NOW)
    return state


def told(state: State, count: int, now: float = NOW) -> list[Caption]:
    scenes: list[str] = []
    captions = []
    for _ in range(count):
        caption = next_caption(state, now, scenes)
        assert caption is not None
        scenes = [*(each for each in scenes if each != caption.scene), caption.scene]
        captions.append(caption)
    return captions


def test_every_scene_is_told_of_who_plays_it_before_one_is_told_again() -> None:
    captions = told(state_of(*CAST, *ENDS), 11)
    ids = [caption.connection_id for caption in captions]
    assert ids == [1, 2, 3, 4, 10, 5, 6, 7, 8, 9, 1]
    texts = [caption.text for caption in captions]
    assert "2 of the 4 bytes" in texts[1]
    assert "786,432 bytes" in texts[2]
    assert "partial writes so far: 9" in texts[3]
    assert "(EAGAIN so far: 12): 65,483 bytes wait" in texts[4]
    assert "HTTP" in texts[5]
    assert "98,304 bytes" in texts[6]
    assert "timeout_header: 2 of 4" in texts[8]


def test_who_plays_nothing_is_not_told_of() -> None:
    quiet = state_of(snapshot(1, frames=3), snapshot(2), closed(3, Reason.EOF))
    assert next_caption(quiet, NOW) is None


def test_an_old_end_is_not_told() -> None:
    state = state_of(*ENDS)
    assert len({caption.scene for caption in told(state, 3)}) == 3
    assert next_caption(state, NOW + FRESH) is None


def test_a_scene_that_nobody_played_is_told_as_soon_as_somebody_does() -> None:
    scenes = ["pings", "header"]
    assert told(state_of(*CAST[:2]), 2)[1].scene == "header"
    later = next_caption(state_of(CAST[0], CAST[1], ENDS[0]), NOW, scenes)
    assert later is not None
    assert later.scene == "refused"


def test_who_had_a_partial_write_is_not_said_to_need_no_pollout() -> None:
    assert next_caption(state_of(snapshot(1, frames=90, toggles=2)), NOW) is None
