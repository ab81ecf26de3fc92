"""Clients that connect and say nothing, at the metrics page and at the control socket."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from app.control.client_side.control_client import ControlError
from app.control.server_side.service import MOST_CLIENTS, MOST_MUTE
from app.host import metrics, metrics_page
from app.host.metrics_page import MOST
from tests.control.serving import Controlled
from tests.host.test_metrics_page import Page
from tests.peers import PATIENCE, read_to_end
from tests.waiting import until

CROWD: Final = 40
REQUEST: Final = b"GET /metrics HTTP/1.0\r\n\r\n"


@contextlib.contextmanager
def mute_crowd(connect: Callable[[], socket.socket]) -> Iterator[list[int]]:
    """Keep `CROWD` of them there; `connect` makes a connection. Yields how often each has come."""
    ending = threading.Event()
    times = [0] * CROWD

    def come_again(number: int) -> None:
        while not ending.is_set():
            with contextlib.suppress(OSError), connect() as sock:
                times[number] += 1
                sock.settimeout(0.05)
                while not ending.is_set():
                    try:
                        if not sock.recv(1000):
                            break
                    except TimeoutError:
                        continue

    threads = [
        threading.Thread(target=come_again, args=(number,), daemon=True) for number in range(CROWD)
    ]
    for thread in threads:
        thread.start()
    try:
        yield times
    finally:
        ending.set()
        for thread in threads:
            thread.join()


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    monkeypatch.setattr(metrics, "PATIENCE", 0.0)
    page = Page()
    yield page
    page.page.close()


@pytest.fixture
def controlled(tmp_path: Path) -> Iterator[Controlled]:
    with Controlled(tmp_path / "s") as controlled:
        yield controlled


@pytest.mark.slow
def test_mute_clients_that_come_again_keep_nobody_out(page: Page) -> None:
    with mute_crowd(page.silent) as times:
        until(lambda: min(times) >= 2, "each has been hung up on once, and come again")
        for _ in range(3):
            assert "echo_tui_connections" in page.fetch()
    assert page.complaints == []


@pytest.mark.slow
def test_many_scrapers_at_once_are_all_answered(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve = metrics_page._Server.process_request_thread

    def serve_late(server: metrics_page._Server, *request: Any) -> None:
        threading.Event().wait(0.1)  # on a busy machine a thread begins after `GRACE`
        serve(server, *request)

    monkeypatch.setattr(metrics, "PATIENCE", 0.5)
    monkeypatch.setattr(metrics_page, "GRACE", 0.01)
    # All of them may take a busy machine longer than one client is given.
    monkeypatch.setattr(metrics_page, "TIMEOUT", PATIENCE)
    monkeypatch.setattr(metrics_page._Handler, "timeout", PATIENCE)
    monkeypatch.setattr(metrics_page._Server, "process_request_thread", serve_late)
    with contextlib.ExitStack() as clients:
        scrapers = [clients.enter_context(page.silent()) for _ in range(MOST)]
        for each in scrapers:
            each.sendall(REQUEST)
        # From here on a connection is accepted when another one has been answered.
        for _ in range(30 - MOST):
            scrapers.append(clients.enter_context(page.silent()))
            scrapers[-1].sendall(REQUEST)
        texts = [read_to_end(each) for each in scrapers]
    assert all(b"echo_tui_connections" in text for text in texts)
    assert page.complaints == []


@pytest.mark.slow
def test_a_client_is_answered_whose_thread_waits_for_the_cpu_behind_its_read(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse = metrics_page._Handler.parse_request
    resumed = threading.Event()

    def parse_late(handler: metrics_page._Handler) -> bool:
        resumed.wait(PATIENCE)
        return parse(handler)

    monkeypatch.setattr(metrics_page, "GRACE", 0.01)
    monkeypatch.setattr(metrics_page._Handler, "parse_request", parse_late)
    with contextlib.ExitStack() as clients:
        scrapers = [clients.enter_context(page.silent()) for _ in range(MOST + 4)]
        for each in scrapers:
            each.sendall(REQUEST)
        served = page.page._server
        until(lambda: len(served._parsed) == MOST, "all threads have read, and parse")
        threading.Event().wait(10 * metrics_page.GRACE)  # the others want their places
        resumed.set()
        texts = [read_to_end(each) for each in scrapers]
    assert all(b"echo_tui_connections" in text for text in texts)


@pytest.mark.slow
def test_mute_clients_of_the_control_socket_keep_nobody_out(controlled: Controlled) -> None:
    with mute_crowd(lambda: controlled.raw().sock) as times:
        until(lambda: min(times) >= 1, "all of them are there")
        links = [controlled.link() for _ in range(MOST_CLIENTS)]
        try:
            until(lambda: controlled.service.clients <= MOST_CLIENTS + MOST_MUTE, "few descriptors")
            with pytest.raises(ControlError, match="32 clients are attached already"):
                controlled.link()
        finally:
            for link in links:
                link.close()
