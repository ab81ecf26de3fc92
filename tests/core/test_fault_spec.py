"""The SPEC of a fault: what each word means, and one line for what cannot be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.fault_spec import WORDS, FaultSpec, parse_fault
from app.core.settings import SettingError


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("slice=1", {"slice": (1, 1)}),
        ("slice=2..9,gap=0.05", {"slice": (2, 9), "gap": 0.05}),
        ("delay=1.5", {"delay": 1.5}),
        ("rate=20KiB", {"rate": 20480}),
        ("coalesce=3", {"coalesce": 3}),
        ("stall@0", {"stall": 0}),
        ("reset@4,seed=7", {"reset": 4, "seed": 7}),
        ("eof@524288", {"eof": 524288}),
        ("corrupt@3", {"corrupt": 3}),
        ("length+1", {"length": 1}),
        ("length-4", {"length": -4}),
        ("swap", {"swap": True}),
        ("noread", {"noread": True}),
        (" slice=1 , gap=0.1 ", {"slice": (1, 1), "gap": 0.1}),
        ("slice=1,corrupt@9,reset@20", {"slice": (1, 1), "corrupt": 9, "reset": 20}),
    ],
)
def test_a_spec_is_read(text: str, read: dict[str, Any]) -> None:
    assert parse_fault(text) == FaultSpec(text.strip(), **read)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no word"),
        ("slice=1,,gap=1", "no word"),
        ("slice", "write slice=N"),
        ("slice=0", "0 is not from 1"),
        ("slice=9..3", "turn them round"),
        ("slice=a", "not a whole number"),
        ("slice=1..", "not a whole number"),
        ("reset@-1", "-1 is not from 0"),
        ("reset@", "not a whole number"),
        ("reset=3", "write reset@N"),
        ("gap=0.1", "add slice=N"),
        ("slice=1,gap=0", "no number of seconds"),
        ("slice=1,gap=nan", "no number of seconds"),
        ("delay=inf", "no number of seconds"),
        ("delay=1e9", "no number of seconds"),
        ("rate=0", "stall@0"),
        ("rate=fast", "size"),
        ("coalesce=1", "1 is not from 2"),
        ("length+0", "0 is not from 1"),
        ("length=3", "write length+K"),
        ("swap=1", "write swap"),
        ("seed=3", "a seed alone"),
        ("slice=1,seed=-1", "-1 is not from 0"),
        ("stall@1,reset@2", "stall excludes reset"),
        ("eof@1,stall@1", "stall excludes eof"),
        (f"eof@{'9' * 5000}", "is not from 0"),
        (f"rate={'9' * 5000}", "size"),
        ("eof@3,corrupt@3", "lets 3 bytes out"),
        ("noread,slice=1", "noread excludes slice"),
        ("slice=1,slice=2", "given twice"),
        ("slise=1", "is it slice=N"),
        ("explode", "one of slice"),
        ("swap\x1b[31m", "is it swap"),
        ("slice=٣", "not a whole number"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(text: str, says: str) -> None:
    with pytest.raises(SettingError) as refused:
        parse_fault(text)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "\x1b" not in str(refused.value)


@given(st.text(max_size=40) | st.lists(st.sampled_from([*WORDS, "=1", "@2", ","])).map("".join))
def test_any_text_is_a_spec_or_refused_in_one_line(text: str) -> None:
    try:
        told = parse_fault(text).text
    except SettingError as error:
        told = str(error)
    assert told == text.strip() or told.isprintable()
