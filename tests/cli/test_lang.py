"""``--lang``, and the locale without it: texts for people are Korean, all else stays English."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len

from app.cli.main import cli
from app.core.words.language import compose
from app.lab.lab_check import LabResult
from app.proving.client_run import free_port

HANGUL = re.compile("[가-힣]")
TLS = "369295616"


def run(*words: str, lang: str = "C") -> Result:
    return CliRunner().invoke(cli, words, standalone_mode=False, env={"LC_ALL": "", "LANG": lang})


@pytest.mark.parametrize(
    ("words", "lang", "is_korean"),
    [
        (("--lang", "ko"), "C", True),
        ((), "ko_KR.UTF-8", True),
        (("--lang", "en"), "ko_KR.UTF-8", False),
        ((), "en_GB.UTF-8", False),
    ],
)
@pytest.mark.parametrize(
    "command", [("explain", TLS), ("lab",), ("check", "client", "--list")], ids=" ".join
)
def test_the_option_beats_the_locale(
    command: tuple[str, ...], words: tuple[str, ...], lang: str, is_korean: bool
) -> None:
    output = run(*command, *words, lang=lang).output
    assert bool(HANGUL.search(output)) is is_korean
    assert max(map(cell_len, output.splitlines())) <= 100


@pytest.mark.parametrize(
    "command",
    [("explain", TLS), ("explain", "16030100"), ("lab",), ("check", "server", "--list")],
    ids=" ".join,
)
def test_json_is_the_same_in_both_languages(command: tuple[str, ...]) -> None:
    told = [run(*command, "--json", "--lang", lang).output for lang in ("en", "ko")]
    assert told[0] == told[1]
    assert not HANGUL.search(told[0])


def test_a_verdict_is_korean_and_its_report_is_not(tmp_path: Path) -> None:
    junit = tmp_path / "report.xml"
    words = ("check", "server", "127.0.0.1", str(free_port()), "--case", "echo", "--lang", "ko")
    result = run(*words, "--junit", str(junit))
    assert "프레임이 하나씩 차례로 온다: 연결을 받지 않았다(" in " ".join(result.output.split())
    assert "통과 0, 실패 1, 건너뜀 0" in result.output
    assert "it did not accept a connection" in junit.read_text("utf-8")
    (case,) = json.loads(run(*words, "--json").output)["cases"]
    assert case["text"].startswith("It met frames one after the other: it did not accept")


def test_a_refusal_stays_english() -> None:
    assert not HANGUL.search(str(run("lab", "no-such", "--lang", "ko").exception))
    assert "choose from en, ko" in str(run("explain", TLS, "--lang", "fr").exception)


def test_a_composed_outcome_of_the_lab_is_encoded_as_text() -> None:
    text = compose("{count:,} bytes", count=1)
    result = LabResult("a", 1.0, 2.0, "ms", text, "label", True, False, 0.1)
    assert json.loads(msgspec.json.encode(result, enc_hook=str))["text"] == "1 bytes"
