"""Breakpoints: what is one, and where it holds."""

from __future__ import annotations

import pytest

from app.core.events import ConnectionState
from app.core.settings import SettingError
from app.watch.breakpoints import MOST, Breakpoints, parse_breakpoint

LEN, BODY = ConnectionState.READ_LEN, ConnectionState.READ_BODY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "#",
        "#x",
        "#-1",
        "#" + "9" * 30,
        "READ_LEN>NOWHERE",
        "NOWHERE>READ_BODY",
        "pending>x",
        "(",
        "foo",
        "READ_BODY>READ_LEN",
        "CLOSED>READ_LEN",
    ],
)
def test_what_is_none_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(SettingError) as refused:
        parse_breakpoint(text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["eagain", "EAGAIN", "Partial", "TOGGLE"])
def test_a_name_is_known_in_any_case(text: str) -> None:
    assert parse_breakpoint(text).text.lower() == text.lower()
    assert parse_breakpoint(text).filter is None


def test_each_kind_holds_where_it_says_and_nowhere_else() -> None:
    points = Breakpoints()
    for text in ("toggle", "EAGAIN", "partial", "#7", "READ_LEN>READ_BODY"):
        points.add(text)
    assert points.describe() == (
        "1: toggle · 2: EAGAIN · 3: partial · 4: #7 · 5: READ_LEN>READ_BODY"
    )
    assert points.before("arm", 1) == "breakpoint 1, toggle"
    assert points.before("read", 7) == "breakpoint 4, #7"
    assert points.before("read", 1) == ""
    after = [
        points.after("EAGAIN", (), lambda: None, 0.0),
        points.after("partial", (), lambda: None, 0.0),
        points.after("", (LEN, BODY), lambda: None, 0.0),
        points.after("", (BODY, LEN), lambda: None, 0.0),
        points.after("", (), lambda: None, 0.0),
    ]
    assert after == [
        "breakpoint 2, EAGAIN", "breakpoint 3, partial", "breakpoint 5, READ_LEN>READ_BODY", "", ""
    ]  # fmt: skip
    points.remove(1)
    assert points.before("arm", 1) == ""
    with pytest.raises(SettingError):
        points.remove(1)


def test_there_are_not_too_many() -> None:
    points = Breakpoints()
    for _ in range(MOST):
        points.add("toggle")
    with pytest.raises(SettingError):
        points.add("toggle")
