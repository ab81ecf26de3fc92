"""What is recorded is what is read: every kind of event, with every value."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.events import Bytes, Event, Io, Notice, SettingChanged, Snapshot
from app.core.iteration import Iteration, KernelCall, Served
from app.core.settings import RULES
from app.core.statistics import LoopStats
from app.core.stepping import LoopHeld, Stepped
from app.recording.format import (
    FILE_SIZE,
    RECORD_SIZE,
    DamageError,
    Keyframe,
    Mark,
    RecordedBatch,
    check,
    marks_of,
    pack,
    read_head,
    unpack,
)
from app.recording.keyframes import RecordedState
from app.recording.sanity import LATEST
from tests.making import NOW
from tests.recording.making import drain, history, recorded

KINDS: tuple[type[msgspec.Struct], ...] = get_args(Event)
# What a server can tell: of all else `test_hostile` is about.
st.register_type_strategy(float, st.floats(0, LATEST))
st.register_type_strategy(int, st.integers(0, 2**63 - 1))
st.register_type_strategy(str, st.text(st.characters(exclude_categories=["C", "Z"])))
COUNTS = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 2**50))).map(tuple)


def any_of(kind: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind)
    fields = {name: st.from_type(hints[name]) for name in kind.__struct_fields__}
    fields |= {name: COUNTS for name in ("service_us", "iteration_us") if name in fields}
    events = st.builds(kind, **fields)
    if kind is not SettingChanged:
        return events
    # Hypothesis draws words of the code too: of a setting that there is, not every value can be.
    return events.filter(lambda event: getattr(event, "name", "") not in RULES)


def read_back(record: bytes) -> RecordedBatch:
    head, body = read_head(record[:24]), record[24:]
    assert check(head, body)
    return unpack(RecordedBatch, body)


@pytest.mark.parametrize(
    "event",
    [
        Io(NOW, 1, "read", 4, -1, "EAGAIN"),
        Iteration(NOW, 1, 2, 3, 4, 5, 6, 7, (
            Served("listener", 3, 0, 1, 1, (KernelCall("accept", 0, -1, "EAGAIN", 5),)),
        )),
        Stepped(NOW, 1, "poll", -1, 0, 0, 2, "", 5, 1),
        Stepped(NOW, 2, "write", 9, 1, 900, -1, "EAGAIN", 5, 6),
        LoopHeld(NOW, "poll", -1, 0, "hold", 2, 1),
    ],
    ids=lambda event: type(event).__name__,
)  # fmt: skip
def test_a_failed_call_and_a_poll_are_no_damage(event: Event) -> None:
    assert read_back(pack(RecordedBatch(events=(event,)), NOW)).events == (event,)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.__name__))
@given(data=st.data())
def test_every_kind_of_event_comes_back_as_it_was(
    kind: type[msgspec.Struct], data: st.DataObject
) -> None:
    events = tuple(data.draw(st.lists(any_of(kind), max_size=3)))
    batch = RecordedBatch(events=events, dropped=data.draw(st.integers(0, 2**40)))
    assert read_back(pack(batch, NOW)) == batch


@given(st.lists(any_of(Snapshot), max_size=3), any_of(LoopStats), st.floats(allow_nan=False))
def test_figures_come_back_as_they_were(
    snapshots: list[Snapshot], stats: LoopStats, t: float
) -> None:
    batch = RecordedBatch(snapshots=tuple(snapshots), stats=stats)
    record = pack(batch, t)
    assert read_back(record) == batch
    assert read_head(record[:24]).t == t


@given(st.integers(0, 2**32))
def test_a_keyframe_comes_back_as_it_was(seed: int) -> None:
    state = RecordedState()
    for t, drained in history(seed, steps=40):
        state.apply(drained, t)
    keyframe = state.keyframe()
    assert keyframe.connections
    assert unpack(Keyframe, pack(keyframe, NOW)[24:]) == keyframe


@given(st.lists(st.one_of([any_of(kind) for kind in KINDS]), max_size=5))
def test_a_head_tells_what_its_batch_holds(events: list[Event]) -> None:
    marks = Mark(0)
    for event in events:
        marks |= marks_of(event)
    head = read_head(pack(RecordedBatch(events=tuple(events)), NOW, marks)[:24])
    assert (head.events, head.marks) == (len(events), marks)


def bodies_of(data: bytes) -> Iterator[bytes]:
    offset = FILE_SIZE
    while offset < len(data):
        body = offset + RECORD_SIZE
        offset = body + read_head(data[offset:body]).size
        yield data[body:offset]


class Later(msgspec.Struct, frozen=True, tag_field="event", tag="not_invented_yet"):
    t: float
    id: int


def test_an_event_of_a_later_version_is_left_out() -> None:
    [_, known] = [event for _, drained in history(1, 20) for event in drained.events][:2]
    body = msgspec.msgpack.encode({"events": [Later(t=NOW, id=3), known], "later_field": 7})
    assert unpack(RecordedBatch, zlib.compress(body)) == RecordedBatch(events=(known,))


@pytest.mark.parametrize(
    "body", [7, {"events": 3}, {"events": [{"event": "opened"}]}, {"stats": [1]}, [[[[]]]]]
)
def test_what_is_no_batch_is_damage(body: object) -> None:
    with pytest.raises(DamageError):
        unpack(RecordedBatch, zlib.compress(msgspec.msgpack.encode(body)))


@pytest.mark.parametrize("wanted", [True, False])
def test_bytes_of_peers_are_recorded_only_on_request(wanted: bool) -> None:
    secret = Bytes(t=NOW, id=1, call="read", data=b"a secret")
    notice = Notice(t=NOW, level="info", text="before it")
    data = recorded([drain(NOW, notice, secret)], has_payload=wanted).data
    bodies = b"".join(zlib.decompress(body) for body in bodies_of(data))
    assert b"before it" in bodies
    assert (b"a secret" in bodies) == wanted
