"""Moments as people write them."""

from datetime import datetime

import pytest

from app.core.settings import SettingError
from app.recording.times import moment_within, parse_moment

START = datetime(2026, 3, 5, 23, 50, 0, 500_000).timestamp()
END = START + 3600


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("+0", 0),
        ("+90", 90),
        ("+1.5", 1.5),
        ("+1:30", 90),
        ("+1:00:01", 3601),
        ("-10", 3590),
        ("-1:00", 3540),
        (" +5 ", 5),
        ("23:50:00.5", 0),
        ("23:51", 59.5),
        ("00:10:00.5", 1200),
        ("2026-03-05 23:51:00", 59.5),
        ("2026-03-06T00:00:00.500", 600),
        (f"{START + 7:.6f}", 7),
        ("23:49", 86_400 - 60.5),
    ],
)
def test_what_is_meant(text: str, after: float) -> None:
    assert parse_moment(text, START, END) == pytest.approx(START + after)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "+", "+-1", "+1e9", "25:00", "12:99", "1:2:3:4", "99999", "+nan"],
)
def test_what_is_not_understood_is_said_with_what_to_write(text: str) -> None:
    with pytest.raises(SettingError, match=r"is no moment of a recording: write \+SECONDS"):
        parse_moment(text, START, END)


def test_a_moment_outside_the_recording_is_said() -> None:
    assert moment_within("+3600", START, END) == END
    for text in ("+3601", "-3601", "2027-01-01 00:00:00"):
        with pytest.raises(SettingError) as caught:
            moment_within(text, START, END)
        message = str(caught.value)
        assert message.startswith(
            f"{text} is outside the recording, which tells of 2026-03-05 23:50"
        )
        assert " to 2026-03-06 00:50:00.500 " in message
