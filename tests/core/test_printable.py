"""Nothing that a peer sends can steer a terminal or forge a line of a log."""

from __future__ import annotations

import errno
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.printable import printable, reason_of


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"plain text", "plain text"),
        (b"", ""),
        (b"\x1b[31m\x07\x7f\x9b", "\\x1b[31m\\x07\\x7f\\x9b"),
        (b"a\r\nb\tc", "a\\x0d\\x0ab\\x09c"),
        ("héllo 世界 🙂", "héllo 世界 🙂"),
        ("a\nb\u2028c\u2029d\x85e", "a\\nb\\u2028c\\u2029d\\x85e"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("\ud800", "\\ud800"),
        ("[red]markup[/red]", "[red]markup[/red]"),
    ],
)
def test_what_could_steer_is_escaped(data: bytes | str, shown: str) -> None:
    assert printable(data) == shown


@given(st.one_of(st.text(max_size=80), st.binary(max_size=80)), st.integers(1, 40))
def test_the_result_is_one_safe_line_of_what_the_limit_allows(
    data: bytes | str, limit: int
) -> None:
    shown = printable(data, limit)
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in shown)
    shown.encode()
    if len(data) > limit:
        assert shown == printable(data[:limit], limit) + "…"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (OSError("of Python's own"), "of Python's own"),
        (TimeoutError(), "timed out"),
        (BrokenPipeError(), "BrokenPipeError"),
    ],
)
def test_what_is_told_of_an_error_of_the_system(error: OSError, words: str) -> None:
    assert reason_of(error) == words
