"""`ctl list --closed`, `ctl show` of a closed connection, and answers that are not of before."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from app.cli.ctl.linking import fetch_state
from app.core.events import Closed
from app.core.framing import frame, header
from tests.cli.ctl_runs import Ctl, asking, ctl, objects
from tests.control.serving import Controlled
from tests.peers import connect, exchange, read_to_end
from tests.program import Headless, run
from tests.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture
def controlled(tmp_path: Path) -> Iterator[Controlled]:
    with Controlled(tmp_path / "s") as running:
        yield running


@pytest.fixture
def ask(controlled: Controlled) -> Ctl:
    return asking(controlled)


def test_closed_ones_are_listed_and_shown(controlled: Controlled, ask: Ctl) -> None:
    with connect(controlled.server.port) as bad:
        bad.sendall(header(1 << 30))
        assert read_to_end(bad) == b""
    with connect(controlled.server.port) as good:
        exchange(good, [frame(b"hi")], 6)
    with connect(controlled.server.port) as still_open:
        exchange(still_open, [frame(b"hi")], 6)
        controlled.watcher.wait_for(Closed, lambda event: event.id == 2)
        first, second = objects(ask("list", "--closed", "--json"))
        assert (first["id"], first["reason"], second["id"], second["reason"]) == (
            1, "frame_too_large", 2, "eof",
        )  # fmt: skip
        assert first["instance"] == controlled.server.instance
        assert (first["diagnosis"]["code"], first["diagnosis"]["header"]) == (
            "over_cap", "40000000",
        )  # fmt: skip
        assert (second["diagnosis"], second["frames_out"]) == (None, 1)
        assert first["detail"]
        assert first["closed_at"] <= second["closed_at"]
        names, line = ask("list", "--closed", "--where", "reason:eof").stdout.splitlines()
        assert (names.split()[:3], line.split()[0], line.split()[2]) == (
            ["id", "peer", "reason"], "2", "eof",
        )  # fmt: skip
        told = ask("list", "--closed", "--where", "diagnosis:over").stdout.splitlines()
        assert [line.split()[3] for line in told] == ["diagnosis", "over_cap"]
        chosen = ask(
            "list", "--closed", "--json", "--columns", "id, reason ,closed_at", "--reverse"
        )
        assert objects(chosen)[1] == {
            "id": 1, "reason": "frame_too_large", "closed_at": first["closed_at"],
        }  # fmt: skip
        (shown,) = objects(ask("show", "1", "--json"))
        changes = {name for name in first if shown.get(name) != first[name]}
        assert changes <= {"instance", "idle_seconds"}
        assert "closed_at" not in objects(ask("show", "3", "--json"))[0]
        lines = dict(line.split(None, 1) for line in ask("show", "2").stdout.splitlines())
        assert (lines["reason"], lines["diagnosis"]) == ("eof", "-")


@pytest.mark.parametrize("workers", ["0", "2"])
def test_the_option_says_how_many_closed_ones_are_kept(tmp_path: Path, workers: str) -> None:
    path = tmp_path / "s"
    options = ("--control", str(path), "--keep-closed", "3", "--workers", workers)
    with Headless(*options) as server:
        for _ in range(5):
            with connect(server.port) as client:
                exchange(client, [frame(b"hi")], 6)

        def kept() -> list[dict[str, Any]]:
            return objects(ctl("list", "--control", str(path), "--closed", "--json"))

        until(lambda: len(kept()) == 3, "three closed ones")
        assert {one["reason"] for one in kept()} == {"eof"}
        server.end(signal.SIGTERM)
    ended = run("--no-ui", "--keep-closed", "-1")
    assert (ended.returncode, b"must be 0 to 100,000" in ended.stderr) == (2, True)


def test_what_opened_a_moment_before_is_listed(controlled: Controlled) -> None:
    """Without a pause between the connects and the question."""
    with ExitStack() as stack:
        for number in range(1, 31):
            with controlled.link() as link:
                stack.enter_context(connect(controlled.server.port))
                state, _ = fetch_state(link)
                assert len(state.rows) == number
                assert all(row.snapshot is not None for row in state.rows.values())
