"""`ctl loop`, `hold`, `step`, `go` and `break`: what they print, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.framing import frame
from tests.cli.ctl_runs import Ctl, asking, ctl, objects
from tests.control.serving import Controlled
from tests.peers import connect, exchange, read_exactly

pytestmark = pytest.mark.slow
HELLO = frame(b"hello")
OF_ITERATION = {
    "event", "t", "number", "slept_us", "poll_us", "serving_us", "telling_us", "cpu_us", "watched",
    "ready", "left_out", "worker",
}  # fmt: skip
OF_READY = {
    "kind", "fd", "id", "interest", "revents", "calls", "us", "states", "progress",
}  # fmt: skip


@pytest.fixture
def stepped(tmp_path: Path) -> Iterator[Controlled]:
    with Controlled(tmp_path / "s", step=True) as running:
        yield running


def test_the_last_iterations_are_told_call_by_call(tmp_path: Path) -> None:
    with Controlled(tmp_path / "s") as running, connect(running.server.port) as client:
        ask = asking(running)
        ask("loop", "--last", "1")
        for _ in range(5):
            assert exchange(client, [HELLO], len(HELLO)) == HELLO
        told = objects(ask("loop", "--json", "--last", "1000"))
        assert all(set(each) == OF_ITERATION for each in told)
        lines = [line for each in told for line in each["ready"]]
        assert all(set(line) == OF_READY for line in lines)
        echoed = next(line for line in lines if len(line["states"]) == 4)
        assert [call["call"] for call in echoed["calls"]] == ["read", "write"]
        text = ask("loop", "--last", "1000").stdout
        assert "read 9 · write 9" in text
        assert "READ_LEN → READ_BODY → WRITE_BODY → READ_LEN" in text


def test_a_class_room_script_steps_a_server(stepped: Controlled) -> None:
    ask = asking(stepped)
    assert "held before" in ask("hold").stdout
    with connect(stepped.server.port) as client:
        client.sendall(HELLO)
        (row,) = _rows_within(ask)
        assert row["why_code"] == "held"
        told = objects(ask("step", "12", "--json"))
        made = [each for each in told if each.get("event") == "stepped"]
        assert len(made) == 12
        assert {"call", "fd", "id", "result", "us"} <= set(made[0])
        where = "--control", str(stepped.path)
        assert "breakpoint 1: #1" in ctl("break", "add", "#1", *where).stdout
        assert ctl("break", "list", *where).stdout.strip() == "1: #1"
        assert ctl("break", "remove", "1", *where).returncode == 0
        assert ask("go").stdout.strip() == "it goes on"
        assert read_exactly(client, len(HELLO)) == HELLO


def _rows_within(ask: Ctl) -> list[dict[str, object]]:
    """Step until the client is accepted, and list it."""
    for _ in range(20):
        ask("step", "iteration")
        rows = objects(ask("list", "--json"))
        if rows:
            return rows
    return []


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("step", "0"), 2, "1 to"),
        (("step", "soon"), 2, "soon"),
        (("step", "call", "2", "3"), 2, "call 2 3"),
        (("go", "--pace", "9"), 2, "9"),
        (("break", "add", "nowhere>"), 1, "nowhere"),
        (("break", "remove", "7"), 1, "no breakpoint 7"),
        (("loop", "--last", "0"), 2, "0"),
    ],
)
def test_a_mistake_is_one_line(
    stepped: Controlled, words: tuple[str, ...], code: int, says: str
) -> None:
    ended = ctl(*words, "--control", str(stepped.path))
    assert ended.returncode == code
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_server_without_step_says_how_to_get_one(tmp_path: Path) -> None:
    with Controlled(tmp_path / "s") as running:
        ended = asking(running)("hold")
        assert ended.returncode == 1
        assert "--step" in ended.stderr
