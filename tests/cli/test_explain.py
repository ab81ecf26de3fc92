"""`echo-tui explain`: numbers, hex, files and stdin; JSON, words and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli.explain import explain
from app.core.framing import frame, header
from app.core.settings import SettingError
from tests.program import run


def invoked(*arguments: str, stdin: bytes = b"") -> Result:
    result = CliRunner().invoke(explain, arguments, input=stdin, standalone_mode=False)
    if result.exception:
        raise result.exception
    assert result.return_value == 0
    return result


def told(*arguments: str, stdin: bytes = b"") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(invoked("--json", *arguments, stdin=stdin).output)
    assert {"code", "text", "also", "offset", "fits"} <= found.keys()
    return found


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("369295616", "tls"),
        ("0x16030100", "tls"),
        ("0X504F5354", "http1"),
        ("0d0a0000", "extra_bytes"),
        ("0500000068656c6c6f", "u32le"),
        ("0x0500000068656c6c6f0b000000737461747573206f662037", "u32le"),
        ("1,347,375,956", "http1"),
        ("-1241513984", "u32le"),
        ("-1", None),
        ("5", None),
        ("0x10", None),
        ("1048576", None),
    ],
)
def test_a_number_or_hex(what: str, code: str | None) -> None:
    assert told(what)["code"] == code


def test_a_number_is_read_to_its_last_digit() -> None:
    assert told("0" * 40 + "369295616")["code"] == "tls"
    assert str(told("1" * 40)["text"]).startswith("A number of 40 digits does not fit")


def test_postgres_is_not_called_right_where_the_server_waits_for_more() -> None:
    found = told("0x0000000804d2162f")
    assert found["code"] == "postgres"
    assert str(found["text"]).endswith("a server of right frames waits for 4 more.")


def test_the_cap_decides_what_is_a_right_length() -> None:
    assert told("--cap", "4MiB", "2097152")["code"] is None
    assert told("--cap", "1MiB", "2097152")["code"] == "over_cap"


def test_a_file_and_stdin_are_judged_as_a_connection_is(tmp_path: Path) -> None:
    data = (frame(b"hello") + b"\n") * 3
    file = tmp_path / "first.bytes"
    file.write_bytes(data)
    found = told(str(file))
    assert (found["code"], found["offset"], found["header"]) == ("extra_bytes", 9, "0a000000")
    assert found == told("-", stdin=data) == told(stdin=data)


def test_a_file_with_the_name_of_a_number_is_written_with_a_dot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("369295616").write_bytes(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert told("./369295616")["code"] == "http1"
    assert told("369295616")["code"] == "tls"


def test_ended_decides_where_more_bytes_could_explain_it() -> None:
    cut = header(2 << 20) + b"honest body " * 40
    assert told(stdin=cut)["code"] == "over_cap"
    assert told("--ended", stdin=cut)["code"] is None


@pytest.mark.parametrize(
    "data", [b"", b"\xa5\x4a\x08\x0c\xad", frame(b"hello") * 3, frame(b"hello")[:7]]
)
def test_nothing_to_be_named_is_no_failure(data: bytes) -> None:
    found = told(stdin=data)
    assert (found["code"], found["also"]) == (None, [])
    assert found["text"]


def test_people_read_the_facts_first_within_the_width_of_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    lines = invoked(stdin=(frame(b"hello") + b"\n") * 3).output.splitlines()
    assert lines[0].startswith("At offset 9 the header 0a 00 00 00 announces")
    assert any(line.startswith("Diagnosis: extra_bytes") for line in lines)
    assert max(map(len, lines)) <= 60


@pytest.mark.parametrize("what", ["nosuch", "/", "0x", "0xzz", "0x123456789"])
def test_what_cannot_be_read_is_one_line(what: str) -> None:
    with pytest.raises(SettingError) as caught:
        invoked(what)
    assert "\n" not in str(caught.value)
    assert what in str(caught.value)


def test_a_cap_out_of_range_is_refused() -> None:
    with pytest.raises(SettingError, match="--cap"):
        invoked("--cap", "0", "5")


@pytest.mark.slow
def test_the_program_knows_the_word() -> None:
    ended = run("explain", "--json", "369295616")
    assert (ended.returncode, json.loads(ended.stdout)["code"]) == (0, "tls")
    failed = run("explain", "no such file")
    assert (failed.returncode, failed.stdout) == (2, b"")
    assert failed.stderr.count(b"\n") == 1
    assert b"explain" in run("--help").stdout
