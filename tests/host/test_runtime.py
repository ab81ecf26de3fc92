"""What goes with a server is opened all together, or not at all."""

from __future__ import annotations

import socket
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest

from app.core.addresses import Address
from app.core.events import Notice
from app.core.settings import SettingError, Settings
from app.host.runtime import Hosting, Sidecars
from app.recording.plan import RecordingPlan
from app.recording.reader import Recording

OLD = b"\x89echorec and what was recorded yesterday"


def is_free(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
    return port


@pytest.mark.parametrize("wrong", ["metrics", "control", "recording"])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_start_that_fails_leaves_nothing_behind(tmp_path: Path, wrong: str, workers: int) -> None:
    pytest.importorskip("prometheus_client")
    recording, control = tmp_path / "new.rec", tmp_path / "control.sock"
    port, page = free_port(), free_port()
    sidecars = Sidecars(
        metrics=Address("127.0.0.1", page),
        control=str(control),
        recording=RecordingPlan(path=recording),
    )
    if wrong == "control":
        control.write_text("a file of somebody's")
    elif wrong == "recording":
        recording.write_text("a file of somebody's")
    before = set(tmp_path.iterdir())
    with socket.create_server(("127.0.0.1", 0)) as other:
        if wrong == "metrics":
            page = other.getsockname()[1]
            sidecars = replace(sidecars, metrics=Address("127.0.0.1", page))
        with pytest.raises(SettingError):
            Hosting(Settings(host="127.0.0.1", port=port, workers=workers), sidecars)
    assert set(tmp_path.iterdir()) == before
    assert is_free(port)
    assert is_free(page)


@pytest.mark.parametrize("wrong", ["server", "fanout", "_service", "_page"])
def test_threads_that_cannot_be_started_leave_nothing_behind(
    tmp_path: Path, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("prometheus_client")
    port, page = free_port(), free_port()
    sidecars = Sidecars(
        metrics=Address("127.0.0.1", page),
        control=str(tmp_path / "control.sock"),
        recording=RecordingPlan(path=tmp_path / "new.rec"),
    )
    hosting = Hosting(Settings(host="127.0.0.1", port=port), sidecars)

    def refuse(*_after: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(getattr(hosting, wrong), "start", refuse)
    with pytest.raises(RuntimeError):
        hosting.start()
    if wrong != "server":
        assert hosting.server.join(10)
    assert list(tmp_path.iterdir()) == []
    assert is_free(port)
    assert is_free(page)


def test_a_service_that_cannot_be_made_leaves_no_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_how: object, **_more: object) -> None:
        raise OSError("Too many open files")

    monkeypatch.setattr("app.host.runtime.Service", refuse)
    sidecars = Sidecars(
        control=str(tmp_path / "control.sock"), recording=RecordingPlan(path=tmp_path / "new.rec")
    )
    with pytest.raises(OSError, match="open files"):
        Hosting(Settings(host="127.0.0.1", port=0), sidecars)
    assert list(tmp_path.iterdir()) == []


def test_a_start_that_fails_replaces_no_recording(tmp_path: Path) -> None:
    recording, control = tmp_path / "old.rec", tmp_path / "control.sock"
    recording.write_bytes(OLD)
    control.write_text("a file of somebody's")
    plan = RecordingPlan(path=recording, may_replace=True)
    sidecars = Sidecars(control=str(control), recording=plan)
    with pytest.raises(SettingError):
        Hosting(Settings(host="127.0.0.1", port=0), sidecars)
    assert recording.read_bytes() == OLD


def test_the_log_tells_which_number_the_recording_of_a_service_has(tmp_path: Path) -> None:
    path = tmp_path / "old.rec"
    path.write_bytes(OLD)
    sidecars = Sidecars(recording=RecordingPlan(path=path, may_number=True))
    hosting = Hosting(Settings(host="127.0.0.1", port=0), sidecars)
    try:
        log = hosting.add_stream()
        hosting.start()
    finally:
        hosting.server.stop("the test is over", now=True)
        hosting.server.join(10)
        hosting.end()
    texts = [event.text for event in log.drain().events if isinstance(event, Notice)]
    assert texts == [f"{path} is a recording already: this one is old.rec.000001"]
    with Recording(path.with_name("old.rec.000001")) as recording:
        told = [item.event for item in recording.items(0, inf)]
    assert texts == [event.text for event in told if isinstance(event, Notice)]
