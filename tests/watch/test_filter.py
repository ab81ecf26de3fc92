"""The language of the filter, case by case, and that no text breaks it."""

import contextlib

import msgspec
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from app.core.statistics import MeasuredRate
from app.watch.filter import DEEPEST, LONGEST, FilterError, parse_filter
from app.watch.row import Row, update_rows
from app.watch.state import State
from app.watch.stream import Drained
from screenshots.scenes import overview
from tests.making import NOW, opened, snapshot

MODEL = State()
MODEL.apply(Drained(overview(), [], None, 0), NOW)
ALL = set(MODEL.rows)


def shown(text: str) -> set[int]:
    passes = parse_filter(text).passes
    return {row.id for row in MODEL.rows.values() if passes(row, NOW)}


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", ALL),
        ("   ", ALL),
        ("#9", {9}),
        ("WRITE_BODY", {9, 10}),
        ("write", {9, 10}),
        ("eof", {11, 14, 16}),
        ("[::1]", {12}),
        ('"::1"', {12}),
        ("state:WRITE_BODY", {9, 10}),
        ("state:w", {9, 10}),
        ("state=read_body", {5, 6, 15}),
        ("state!=READ_LEN", {1, 5, 6, 9, 10, 11, 14, 15, 16, 17, 18}),
        ("peer:2001:db8", {13}),
        ('peer="[::1]:53122"', {12}),
        ("reason:eof_mid", {14}),
        ("reason=eof", {11, 16}),
        ("pending>64K", {9, 10, 11}),
        ("pending > 200KiB", {9}),
        ("pending=311300", {9}),
        ("idle>10s state:READ_LEN", {12, 13}),
        ("idle>=0.5m", {12}),
        ("idle>=42000ms", {12}),
        ("toggles>=25", {9, 10}),
        ("toggles:9", {11}),
        ("frames>1000000", {4}),
        ("rate>1000", {4}),
        ("id<=3", {1, 2, 3}),
        ("id:7", {7}),
        ("age>10m id<3", {1, 2}),
        ("pending=304K", {9}),
        ("pending=304k", {9}),
        ("pending>=196,608 pending<0.25M", {11}),
        ("frames=1.20M", {4}),
        ("frames>184,219", {2, 4}),
        ("frames>1.1m", {4}),
        ("rate=0.71", {5}),
        ("rate:0.5", set()),
        ("idle>0m41", {12}),
        ("age>=10m04 id<4", {1, 2, 3}),
        ("age<10m5s age>10m3s", {3}),
        ("peer:127.* id<14", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}),
        ("peer=*:53122", {12}),
        ("peer=[::1]", {12}),
        ("peer=::1", {12}),
        ("peer=127.0.0.1 id<4", {1, 2, 3}),
        ("peer=127.0.0.", set()),
        ("peer!=127.0.0.1", {12, 13}),
        ("peer:[*", {12, 13}),
        ("peer!=127.*", {12, 13}),
        ("peer:127.0.0.1:4415?", set()),
        ("peer:127.0.0.1:4435?", {8}),
        ("state:*_body", {5, 6, 9, 10, 15}),
        ("state:re*", {2, 3, 4, 5, 6, 7, 8, 12, 13, 15, *range(19, 40)} & ALL),
        ("write or reason:killed", {9, 10, 18, 1}),
        ("write and toggles>100", {10}),
        ("write toggles>100", {10}),
        ("write not toggles>100", {9}),
        ("not not write", {9, 10}),
        ("id=1 or id=2 and id=3", {1}),
        ("(id=1 or id=2) and id!=1", {2}),
        ("(id=1 or id=2)id!=1", {2}),
        ("id=1OR", None),
        ("ID=1 OR Id=2 AND NOT id=2", {1}),
        ('"or"', set()),
        ("notable", set()),
    ],
)
def test_what_passes(text: str, ids: set[int] | None) -> None:
    if ids is None:
        with pytest.raises(FilterError):
            parse_filter(text)
    else:
        assert shown(text) == ids


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("rate=0", {0.0}),
        ("rate!=0", {0.33, 2.04, 1233.7}),
        ("rate=0.33", {0.33}),
        ("rate=2", {2.04}),
        ("rate=1,234", {1233.7}),
        ("rate=1234", {1233.7}),
    ],
)
def test_a_rate_is_compared_as_the_table_writes_it(text: str, rates: set[float]) -> None:
    passes = parse_filter(text).passes
    found = set()
    for rate in (0.0, 0.33, 2.04, 1233.7):
        row = Row(opened(1))
        update_rows(
            {row.id: row}, [msgspec.structs.replace(snapshot(1, frames=9), t=NOW, active_at=NOW)]
        )
        row.continue_rate(MeasuredRate(rate, 60.0))
        found |= {rate} if passes(row, NOW) else set()
    assert found == rates


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("pending>lots", 8, "not a size"),
        ("write pending>", 14, "needs a value"),
        ("idle>soon", 5, "not a time"),
        ("toggles>=many", 9, "not a number"),
        ("toggles>=1,23", 9, "not a number"),
        ("idle>5s2m", 5, "not a time"),
        ("idle>1m,5", 5, "not a time"),
        ("peer:*", 5, "stands for anything"),
        ("state:FAST*", 6, "READ_LEN, READ_BODY"),
        ("colour:red", 0, "no column 'colour'"),
        ("state:FAST", 6, "READ_LEN, READ_BODY"),
        ("state>READ_LEN", 6, "is text"),
        ("reason=bored", 7, "frame_too_large"),
        ("(write", 0, "not closed"),
        ("write)", 5, "closes nothing"),
        ("()", 1, "missing"),
        ("write or", 8, "missing at the end"),
        ("or write", 0, "missing"),
        ("write and and", 10, "missing"),
        ("not", 3, "missing at the end"),
        ('"open', 0, "quote"),
        ('peer:"open', 5, "quote"),
        ("(" * (DEEPEST + 1), DEEPEST, "deep"),
        ("x" * (LONGEST + 1), LONGEST, "at the most"),
    ],
)
def test_mistakes_are_explained_where_they_are(text: str, position: int, words: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    assert words in str(caught.value)
    assert caught.value.position == position


PIECES = st.sampled_from(
    ["state", "idle", "pending", ":", ">=", "!=", "<", "(", ")", '"', " ", "not ", "and", "or ",
     "64K", "10s", "#9", "write", "²", "٣", "\u3000", "9" * 50]
)  # fmt: skip


@given(st.text(max_size=LONGEST + 5) | st.lists(PIECES, max_size=40).map("".join))
@example("(" * LONGEST)
@example("not " * (LONGEST // 4))
@example("pending>" + "9" * (LONGEST - 8))
@example("idle:" + "9" * (LONGEST - 5))
def test_no_text_raises_anything_but_a_filter_error(text: str) -> None:
    with contextlib.suppress(FilterError):
        shown(text)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_not_is_the_rest(text: str) -> None:
    assume(text.strip() and len(f"not ({text})") <= LONGEST)
    try:
        ids = shown(text)
    except FilterError:
        return
    assert shown(f"not ({text})") == ALL - ids
