"""Every value is judged in one place, and a refusal is one line that names it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.settings import (
    GIB,
    KIB,
    MIB,
    RUNTIME_SETTINGS,
    SettingError,
    Settings,
    format_size,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("65536", 65536),
        ("512B", 512),
        ("64KiB", 64 * KIB),
        ("64k", 64 * KIB),
        (" 1 MiB ", MIB),
        ("2mb", 2_000_000),
        ("3kb", 3000),
        ("1G", GIB),
        ("1gb", 10**9),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "abc", "-1", "1.5MiB", "64 kibi", "0x10", "MiB", "1 2", "∞"])
def test_what_is_no_size_is_named_in_one_line(text: str) -> None:
    with pytest.raises(SettingError) as caught:
        parse_size(text)
    assert repr(text) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("digits", [20, 5000])
def test_a_size_of_any_length_is_judged_as_a_setting(digits: int) -> None:
    with pytest.raises(SettingError):
        Settings(cap=parse_size("9" * digits))


@given(st.integers(0, 2 * GIB))
def test_a_size_survives_being_written_and_read(size: int) -> None:
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0B"), (1000, "1000B"), (KIB, "1KiB"), (MIB, "1MiB"), (3 * GIB, "3GiB")]
)
def test_a_size_has_the_largest_unit_that_divides_it(size: int, text: str) -> None:
    assert format_size(size) == text


EDGES = {
    "port": (0, 65535),
    "cap": (1, GIB),
    "max_connections": (1, 1_000_000),
    "backlog": (1, 65535),
    "grace": (0, 3600),
    "header_timeout": (0, 86_400),
    "body_timeout": (0, 86_400),
    "write_timeout": (0, 86_400),
    "idle_timeout": (0, 86_400),
}


@pytest.mark.parametrize("name", EDGES)
def test_a_range_holds_its_ends_and_nothing_beyond(name: str) -> None:
    low, high = EDGES[name]
    for value in (low, high):
        assert getattr(Settings(**{name: value}), name) == value  # type: ignore[arg-type]
    for beyond in (low - 1, high + 1):
        with pytest.raises(SettingError) as caught:
            Settings(**{name: beyond})  # type: ignore[arg-type]
        option = "PORT" if name == "port" else "--" + name.replace("_", "-")
        assert str(caught.value).startswith(f"{option} {beyond} is out of range")


@pytest.mark.parametrize("name", ["poller", "write_mode", "trace"])
@pytest.mark.parametrize("value", ["", "no\nsuch", "DIRECT", None, 3])
def test_a_choice_lists_what_there_is(name: str, value: object) -> None:
    with pytest.raises(SettingError) as caught:
        Settings(**{name: value})  # type: ignore[arg-type]
    message = str(caught.value)
    assert message.startswith(f"--{name.replace('_', '-')} {value!r}: choose from ")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "value", "stored"),
    [
        ("cap", "64KiB", 64 * KIB),
        ("cap", 7, 7),
        ("write_mode", "armed", "armed"),
        ("max_connections", "12", 12),
        ("idle_timeout", "2.5", 2.5),
        ("write_timeout", 3, 3),
    ],
)
def test_a_runtime_setting_is_read_as_on_the_command_line(
    name: str, value: object, stored: object
) -> None:
    before = Settings()
    after = before.replace(name, value)
    assert getattr(after, name) == stored
    assert before == Settings()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("cap", "lots", "'lots' is not a size"),
        ("cap", "\uff16\uff14", "'\uff16\uff14' is not a size"),
        ("cap", 0, "--cap 0 is out of range"),
        ("cap", "2GiB", "--cap 2GiB is out of range"),
        ("max_connections", "1.5", "--max-connections '1.5' is not a whole number"),
        ("max_connections", "\u0663\u0663", "--max-connections '\u0663\u0663' is not a whole"),
        ("max_connections", "1_0", "--max-connections '1_0' is not a whole number"),
        ("idle_timeout", "soon", "--idle-timeout 'soon' is not a number"),
        ("idle_timeout", "1_0.5", "--idle-timeout '1_0.5' is not a number"),
        ("idle_timeout", "nan", "--idle-timeout nan is out of range"),
        ("write_mode", "fast", "--write-mode 'fast': choose from direct, armed"),
        ("port", 1, "'port' cannot be changed at run time; these can: cap"),
        ("nothing", 1, "'nothing' cannot be changed at run time"),
    ],
)
def test_a_runtime_setting_that_cannot_be(name: str, value: object, says: str) -> None:
    with pytest.raises(SettingError) as caught:
        Settings().replace(name, value)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["cap", "max_connections"])
def test_what_is_counted_in_whole_things_takes_no_fraction(name: str) -> None:
    with pytest.raises(SettingError):
        Settings().replace(name, 2.5)


def test_every_runtime_setting_is_a_setting() -> None:
    assert all(hasattr(Settings(), name) for name in RUNTIME_SETTINGS)
