"""`check client`: each bug fails where it must, and a right client nowhere."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import click
import psutil
import pytest
from click.testing import CliRunner

from app.cli.main import cli
from app.proving.client_cases import CLIENT_CASES, Echo
from app.proving.client_check import ClientCheck
from app.proving.client_run import ClientCommand
from app.proving.verdict import CaseVerdict
from tests.program import PATIENCE, ROOT, environment

CLIENT = str(Path(__file__).parent / "echo_client.py")
NAMES = [case.name for case in CLIENT_CASES]
QUICK = {
    "": ["whole", "slice_header_1_3", "slice_powers", "two_together", "half_then_end", "refused"],
    "one_recv": ["slice_header_1_3", "slice_powers"],
    "not_compared": ["flipped_bit", "swapped"],
    "end_is_well": ["half_then_end"],
    "one_echo_a_read": ["two_together"],
    "sends_after_end": ["half_then_end"],
    "short_header": ["slice_header_1_3", "slice_header_2_2"],
}
"""Some of the cases of each bug that do not wait for a time-out; `tests/faults` has all."""


def check(bug: str, names: list[str], timeout: float = 5.0, **more: object) -> list[CaseVerdict]:
    command = ClientCommand((sys.executable, CLIENT, "{host}", "{port}", *([bug] if bug else [])))
    cases = [case for case in CLIENT_CASES if case.name in names]
    return list(ClientCheck(command, timeout, 5).play(cases))


@pytest.mark.parametrize("bug", QUICK)
def test_a_bug_fails_where_it_must(bug: str) -> None:
    verdicts = check(bug, QUICK[bug])
    assert [verdict.ok for verdict in verdicts] == [not bug] * len(QUICK[bug]), verdicts
    for verdict in verdicts:
        assert verdict.text.endswith(".")
        is_known = bug not in ("", "sends_after_end", "one_echo_a_read")  # that fails in `whole`
        assert ("probably" in verdict.text) is is_known


def test_a_bug_does_not_fail_elsewhere() -> None:
    others = ["slice_header_body", "half_then_reset", "reset_at_once", "refused"]
    assert all(verdict.ok for verdict in check("one_recv", others))


def test_each_case_is_named_once_and_cut_echoes_are_slices() -> None:
    assert len(set(NAMES)) == len(NAMES) == 22
    for case in CLIENT_CASES:
        if "cut" in case.meets or "segments of one" in case.meets or "apart" in case.meets:
            assert case.name.startswith("slice")
            assert case.echo is Echo.RIGHT


def test_two_echoes_are_skipped_for_who_never_has_two_frames_out() -> None:
    script = (
        "import socket,sys; s=socket.create_connection((sys.argv[1], int(sys.argv[2])), 3);"
        "s.sendall(b'\\0\\0\\0\\2hi'); sys.exit(s.recv(6, socket.MSG_WAITALL) != b'\\0\\0\\0\\2hi')"
    )
    command = ClientCommand((sys.executable, "-c", script, "{host}", "{port}"))
    cases = [case for case in CLIENT_CASES if case.least_out > 1]
    verdicts = list(ClientCheck(command, 3.0, 1).play(cases))
    assert [(verdict.ok, verdict.skipped) for verdict in verdicts] == [(True, True)] * 2


def test_the_bytes_of_a_client_that_speaks_something_else_are_named() -> None:
    script = (
        "import socket,sys; s=socket.create_connection((sys.argv[1], int(sys.argv[2])), 3);"
        "s.sendall(b'\\5\\0\\0\\0hello'); s.recv(9)"
    )
    command = ClientCommand((sys.executable, "-c", script, "{host}", "{port}"))
    whole, other = list(ClientCheck(command, 3.0, 1).play(CLIENT_CASES[:2]))
    assert not whole.ok
    assert "u32le" in whole.text
    assert not other.ok
    assert "see the case whole" in other.text


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["check", "client", *words], standalone_mode=False)
    if isinstance(result.exception, click.ClickException):
        return 2, result.exception.format_message()
    return result.return_value, result.output


def test_the_command_tells_json_and_junit_and_keeps_the_evidence(tmp_path: Path) -> None:
    report, kept = tmp_path / "junit.xml", tmp_path / "kept"
    code, output = run(
        "--json", "--junit", str(report), "--keep", str(kept), "--seed", "9",
        "--case", "slice_header_2_2", "--case", "refused",
        "--", sys.executable, CLIENT, "{host}", "{port}", "short_header",
    )  # fmt: skip
    told = json.loads(output)
    assert code == 1
    assert (told["ok"], told["seed"]) == (False, 9)
    assert [set(case) for case in told["cases"]] == [
        {"case", "ok", "skipped", "text", "seconds"}
    ] * 2
    assert [case["ok"] for case in told["cases"]] == [False, True]
    suite = ET.parse(report).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    folder = kept / "slice_header_2_2"
    assert len((folder / "1.sent.bin").read_bytes()) > 4
    receipt = json.loads((folder / "1.receipt.json").read_text())
    (cut,) = [effect for effect in receipt["done"] if effect["what"] == "slice"]
    assert (cut["frame"], cut["pieces"][0]) == (1, 2)


def test_the_evidence_has_the_bytes_both_ways(tmp_path: Path) -> None:
    cases = ("whole", "flipped_bit", "half_then_end", "silence")
    chosen = [word for case in cases for word in ("--case", case)]
    words = ("--", sys.executable, CLIENT, "{host}", "{port}")
    run("--keep", str(tmp_path), "--timeout", "2", *chosen, *words)
    both = [
        [(tmp_path / case / f"1.{way}.bin").read_bytes() for way in ("sent", "echo")]
        for case in cases
    ]
    (whole, its_echo), (flipped, wrong), (_, half), (_, none) = both
    assert whole == its_echo
    first = 4 + int.from_bytes(flipped[:4], "big")
    assert sum((a ^ b).bit_count() for a, b in zip(flipped, wrong, strict=False)) == 1
    assert flipped[:4] == wrong[:4]
    assert half == whole[: first // 2]
    assert none == b""


def test_a_variable_and_a_file_may_tell_the_port() -> None:
    script = (
        "import os,socket; s=socket.create_connection(('127.0.0.1', int(os.environ['P'])), 3);"
        "s.sendall(b'\\0\\0\\0\\2hi'); assert s.recv(6, socket.MSG_WAITALL)"
    )
    code, output = run("--case", "whole", "--env", "P={port}", "--", sys.executable, "-c", script)
    assert code == 0, output
    assert "1 passed" in output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "CMD is missing"),
        (("--", "true"), "has no {port}"),
        (("--case", "nope", "--", "true", "{port}"), "no case"),
        (("--", "/no/such/client", "{port}"), "No such file"),
        (("--env", "P", "--", "true", "{port}"), "NAME=VALUE"),
    ],
)
def test_a_mistake_is_one_line(words: tuple[str, ...], says: str) -> None:
    code, output = run(*words)
    assert code == 2
    assert says in output


def test_the_cases_can_be_listed() -> None:
    code, output = run("--list")
    assert code == 0
    assert [line.split()[0] for line in output.splitlines()] == NAMES
    code, output = run("--list", "--json")
    assert code == 0
    assert [case["case"] for case in json.loads(output)["cases"]] == NAMES


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_client_too(tmp_path: Path, number: signal.Signals) -> None:
    told = tmp_path / "pid"
    os.mkfifo(told)
    script = f"import os,time; open({str(told)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    words = (sys.executable, "-m", "app", "check", "client", "--timeout", "60")
    client = ("--", sys.executable, "-c", script, "{port}")
    checking = subprocess.Popen([*words, *client], env=environment(), cwd=ROOT)
    try:
        pid = int(told.read_text())
        checking.send_signal(number)
        assert checking.wait(PATIENCE) == 128 + number
    finally:
        checking.kill()
        checking.wait()
    assert not psutil.pid_exists(pid)
