"""Tab in the field of the filter: what it offers before the cursor."""

import pytest

from app.watch.columns import COLUMNS
from app.watch.filter import parse_filter
from app.watch.filter_completion import Completion, complete
from app.watch.row import Row
from tests.making import opened

PEERS = ("10.0.0.7:4000", "127.0.0.1:50001", "127.0.0.1:50002", "[::1]:7")
ROWS = [Row(opened(number, peer=peer)) for number, peer in enumerate(PEERS, 1)]


def completed(text: str, cursor: int | None = None) -> Completion:
    return complete(text, len(text) if cursor is None else cursor, lambda: ROWS)


@pytest.mark.parametrize(
    ("text", "candidates"),
    [
        ("stat", ("state:",)),
        ("STAT", ("state:",)),
        ("bytes_i", ("bytes_in>",)),
        ("frames_per", ("frames_per_second>",)),
        ("armed", ("armed=",)),
        ("armed!", ("armed!=",)),
        ("i", ("id>", "in_flight>", "idle>", "in_flight_bytes>", "idle_seconds>", "is:")),
        (
            "unacked_bytes",
            tuple(f"unacked_bytes{sign}" for sign in (">", "<", ">=", "<=", "=", "!=")),
        ),
        ("pending>", ("<", ">=", "<=", "=", "!=")),
        ("state:w", ("WRITE_BODY",)),
        ("state!=body", ("READ_BODY", "WRITE_BODY")),
        ("why_code=window", ("window_closed",)),
        ("reason:timeout_i", ("timeout_idle",)),
        ("pollout=", ("yes", "no")),
        ("worker=", ("0",)),
        ("is:", ("stuck", "noted")),
        ("peer:10", ("10.0.0.7:*", "10.0.0.7:4000")),
        ("peer:127", ("127.0.0.1:*", "127.0.0.1:50001", "127.0.0.1:50002")),
        ("peer:", ("127.0.0.1:*", "10.0.0.7:*", "[::1]:*")),
        ("peer:[", ("[::1]:*", "[::1]:7")),
        ("(state:w", ("WRITE_BODY",)),
        ("id>1 an", ("and",)),
        ("an", ()),
        ("ei", ()),
        ("why:re", ()),
        ("idle>1", ()),
        ('"read', ()),
        ("nosuch:1", ()),
        ("state>1", ()),
        ("state:READ_LEN", ()),
    ],
)
def test_what_may_stand_there(text: str, candidates: tuple[str, ...]) -> None:
    found = completed(text)
    assert found.candidates == candidates
    assert candidates or found.hint


def test_what_is_behind_the_cursor_is_not_looked_at() -> None:
    assert completed("sta pending>1", cursor=3) == Completion(0, ("state:",))
    assert completed("id>1 peer:1 x", cursor=11).start == 10


def test_every_name_and_value_that_is_offered_can_be_read() -> None:
    columns = {name for column in COLUMNS.values() for name in (column.key, column.json_name)}
    offered = {name.rstrip("<>:=!") for name in completed("").candidates}
    assert columns <= offered
    for name in completed("").candidates:
        is_figure = completed(name).candidates[:1] in ((), ("<",))
        for value in ("1",) if is_figure else completed(name).candidates:
            parse_filter(name + value if name[-1] in "<>:=" else f"{name} 1")
