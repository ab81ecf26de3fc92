"""The whole tables of `check`: which cases each bug fails in, and no others."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.core.settings import MIB
from app.proving.client_cases import CLIENT_CASES
from app.proving.client_check import ClientCheck
from app.proving.client_run import ClientCommand
from app.proving.server_check import check_server
from app.proving.server_target import Target
from app.proving.verdict import CaseVerdict
from tests.proving import echo_client, poll_server
from tests.waiting import until

PROVING = Path(__file__).parents[1] / "proving"
TIMEOUT = 5.0
CUT_HEADERS = {"slice_single_bytes", "slice_header_1_3", "slice_header_2_2"}
CLIENT_BUGS = {
    "": set(),
    "one_recv": {*CUT_HEADERS, "slice_powers", "slow"},
    "no_timeout": {"silence", "no_reading"},
    "not_compared": {"flipped_bit", "swapped"},
    "end_is_well": {"half_then_end", "end_at_once", "end_behind_echo"},
    "one_echo_a_read": {"whole", "two_together"},
    "sends_after_end": {"half_then_end", "end_at_once", "end_behind_echo"},
    "short_header": CUT_HEADERS,
    "hangs_on_reset": {"half_then_reset", "reset_at_once"},
}
"""The cases in which a client with each bug must fail; it sends two frames at a time."""
MAY_FAIL = {"short_header": {"slow"}, "one_echo_a_read": {"slow"}}
"""A slow echo is cut wherever the clock cuts it, also in a header or behind one."""
NOT_IN_ONE_READ = {
    "sizes", "single_bytes", "cut_headers", "behind_a_frame", "empty_frame", "large_frame",
    "pipelined", "pipelined_unread", "half_close", "cap", "slow_reader", "apart", "pending_cpu",
    "idle_cpu", "given_back",
}  # fmt: skip
SERVER_BUGS = {
    "": set(),
    "one_recv": NOT_IN_ONE_READ,
    "zero_is_end": {"empty_frame"},
    "short_write": {"pipelined_unread", "half_close", "slow_reader", "pending_cpu", "idle_cpu"},
    "no_cap": {"over_cap", "huge_length"},
    "pollout_on": {"idle_cpu"},
    "drops_at_end": {"half_close"},
    "dies": {
        "reset_in_the_middle", "leaves_unread", "end_in_the_middle", "connect_storm",
        "pending_cpu", "idle_cpu", "given_back",
    },
}  # fmt: skip
"""The cases in which a server with each bug must fail: once it has died, in all that follow."""


def failed(verdicts: list[CaseVerdict]) -> set[str]:
    return {verdict.case for verdict in verdicts if not verdict.ok}


def check_client(*words: str) -> list[CaseVerdict]:
    command = ClientCommand((*words, "{host}", "{port}"))
    return list(ClientCheck(command, TIMEOUT, 5).play(CLIENT_CASES))


@pytest.mark.parametrize("bug", CLIENT_BUGS)
def test_a_client_fails_in_the_cases_of_its_bug_and_in_no_other(bug: str) -> None:
    command = ClientCommand(
        (sys.executable, str(PROVING / "echo_client.py"), "{host}", "{port}", *filter(None, [bug]))
    )
    verdicts = list(ClientCheck(command, TIMEOUT, 5).play(CLIENT_CASES))
    assert failed(verdicts) - MAY_FAIL.get(bug, set()) == CLIENT_BUGS[bug]
    assert not any(verdict.skipped for verdict in verdicts)


def test_the_bugs_are_all_there_are() -> None:
    assert set(CLIENT_BUGS) == {"", *echo_client.BUGS}
    assert set(SERVER_BUGS) == {"", *poll_server.BUGS}


def test_a_right_client_in_another_language_passes(tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    program = str(tmp_path / "client")
    subprocess.run([compiler, "-O1", "-o", program, str(PROVING / "echo_client.c")], check=True)
    verdicts = check_client(program)
    assert failed(verdicts) == set()


def test_a_right_client_of_a_shell_that_has_node_passes() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node")
    assert failed(check_client(node, str(PROVING / "echo_client.js"))) == set()


@contextmanager
def started(tmp_path: Path, *words: str) -> Iterator[tuple[int, int]]:
    """Start a server that writes its port into a file; yield its port and pid."""
    file = tmp_path / "port"
    process = subprocess.Popen([*words, str(file)], stderr=subprocess.DEVNULL)
    try:
        until(file.exists, "its port")
        yield int(file.read_text()), process.pid
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("bug", SERVER_BUGS)
def test_a_server_fails_in_the_cases_of_its_bug_and_in_no_other(bug: str, tmp_path: Path) -> None:
    words = sys.executable, str(PROVING / "poll_server.py"), bug
    with started(tmp_path, *words) as (port, pid):
        verdicts = list(check_server(Target("127.0.0.1", port, 2.0, 5, MIB, pid)))
    assert failed(verdicts) == SERVER_BUGS[bug]
    assert not any(verdict.skipped for verdict in verdicts)


def test_the_source_documents_server_fails_where_its_bugs_can_be_seen(tmp_path: Path) -> None:
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        pytest.skip("there is no C++ compiler")
    program = str(tmp_path / "server")
    source = str(PROVING / "document_server.cpp")
    subprocess.run([compiler, "-std=c++17", "-O1", "-o", program, source], check=True)
    with started(tmp_path, program) as (port, pid):
        verdicts = list(check_server(Target("127.0.0.1", port, 3.0, 5, MIB, pid)))
    assert failed(verdicts) == {"empty_frame", "pending_cpu"}
