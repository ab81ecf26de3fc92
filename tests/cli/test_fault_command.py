"""`ctl fault` and `ctl export`: what they change, what they refuse, what they print."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.events import Closed
from app.core.framing import frame
from tests.cli.ctl_runs import Ctl, asking, objects
from tests.control.serving import Controlled
from tests.peers import connect, exchange, read_exactly, read_to_end

pytestmark = pytest.mark.slow
HELLO = frame(b"hello")


@pytest.fixture
def controlled(tmp_path: Path) -> Iterator[Controlled]:
    with Controlled(tmp_path / "s") as running:
        yield running


@pytest.fixture
def ask(controlled: Controlled) -> Ctl:
    return asking(controlled)


def test_one_gets_a_fault_is_listed_with_it_and_loses_it(controlled: Controlled, ask: Ctl) -> None:
    with connect(controlled.server.port) as client:
        assert exchange(client, [HELLO], 9) == HELLO
        done = ask("fault", "1", "stall@12")
        assert (done.returncode, done.stdout.strip()) == (0, "#1 fault stall@12")
        client.sendall(HELLO)
        assert read_exactly(client, 3) == HELLO[:3]
        (row,) = objects(ask("list", "--json", "--where", "fault:stall"))
        assert (row["fault"], row["why_code"]) == ("stall@12", "held_by_fault")
        assert "stall@12" in ask("why", "1").stdout
        assert ask("fault", "--none", "1").returncode == 0
        assert read_exactly(client, 6) == HELLO[3:]


def test_the_next_ones_get_it_and_the_receipt_is_told(controlled: Controlled, ask: Ctl) -> None:
    assert ask("fault", "--next", "2", "eof@3").returncode == 0
    for echo in (HELLO[:3], HELLO[:3], HELLO):
        with connect(controlled.server.port) as client:
            client.sendall(HELLO)
            assert read_exactly(client, 9) == echo
    controlled.watcher.until(lambda: len(controlled.watcher.all(Closed)) == 3, "closed")
    first, _, third = objects(ask("list", "--closed", "--json"))
    assert first["fault"]["done"] == [{"what": "eof", "frame": 1, "byte": 3, "pieces": []}]
    assert third["fault"] is None


def test_a_filter_chooses_and_a_dry_run_lists(controlled: Controlled, ask: Ctl) -> None:
    with connect(controlled.server.port) as client:
        assert exchange(client, [HELLO], 9) == HELLO
        assert "127.0.0.1" in ask("fault", "--where", "frames>0", "--dry-run", "swap").stdout
        assert exchange(client, [HELLO], 9) == HELLO
        assert ask("fault", "--where", "frames>0", "--yes", "corrupt@18").returncode == 0
        assert exchange(client, [HELLO], 9) != HELLO


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("1",), "a SPEC is missing"),
        (("slice=1",), "takes ids, or --where FILTER, or --next"),
        (("1", "slice=0"), "0 is not from 1"),
        (("1", "reset@-1"), "-1 is not from 0"),
        (("--where", " ", "slice=1"), "is empty"),
        (("--where", "id>0", "1", "slice=1"), "one of them"),
        (("--next", "2", "3", "slice=1"), "one number and a SPEC"),
        (("--next", "--where", "id>0", "slice=1"), "not both"),
        (("x", "slice=1"), "is not the id"),
    ],
)
def test_a_mistake_is_one_line(ask: Ctl, words: tuple[str, ...], says: str) -> None:
    done = ask("fault", *words)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_one_that_is_not_open_and_too_many_are_refused(ask: Ctl) -> None:
    assert ask("fault", "99", "slice=1").returncode == 1
    assert ask("fault", "--next", "10001", "slice=1").returncode == 2
    assert ask("fault", "--next", "2", "--dry-run", "slice=1").returncode == 2


def test_what_was_sent_is_exported(controlled: Controlled, ask: Ctl, tmp_path: Path) -> None:
    with connect(controlled.server.port) as client:
        client.sendall(HELLO + b"GET / HTTP/1.1\r\n\r\n")
        read_to_end(client)
    controlled.watcher.wait_for(Closed)
    told = json.loads(ask("export", "1").stdout)
    assert bytes.fromhex(told["bytes"]).startswith(HELLO + b"GET /")
    assert (told["reason"], bytes.fromhex(told["expected"])) == ("frame_too_large", HELLO)
    file = tmp_path / "stream.hex"
    assert ask("export", "1", "--as", "hex", str(file)).returncode == 0
    assert file.read_text().endswith("# ended open\n")
    assert f"# echo {len(HELLO)} bytes" in file.read_text().splitlines()
    assert file.stat().st_mode & 0o777 == 0o600
    assert ask("export", "9").returncode == 1
