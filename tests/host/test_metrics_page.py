"""The metrics page: it answers honest clients whatever the others do."""

from __future__ import annotations

import contextlib
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from app.core.settings import SettingError
from app.host import metrics, metrics_page
from app.host.metrics_page import MOST, MetricsPage
from tests.host.test_metrics import Quiet, parsed
from tests.peers import PATIENCE
from tests.waiting import until


class Page:
    """A page of few figures, and what it complained of."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.complaints: list[str] = []
        self.page = MetricsPage(
            "127.0.0.1", 0, registry or Quiet().registry, self.complaints.append
        )
        self.page.start()

    def fetch(self) -> str:
        with urllib.request.urlopen(self.page.url, timeout=PATIENCE) as answer:
            text: str = answer.read().decode()
            return text

    def silent(self) -> socket.socket:
        """A client that says nothing."""
        return socket.create_connection(("127.0.0.1", self.page.port), timeout=PATIENCE)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    monkeypatch.setattr(metrics, "PATIENCE", 0.0)
    page = Page()
    yield page
    page.page.close()


def test_the_page_has_the_figures(page: Page) -> None:
    assert ("echo_tui_connections", (("state", "READ_LEN"),)) in parsed(page.fetch())
    assert page.complaints == []


def fetching() -> int:
    return sum("process_request_thread" in thread.name for thread in threading.enumerate())


@pytest.mark.slow
def test_clients_that_say_nothing_do_not_keep_others_out(page: Page) -> None:
    with contextlib.ExitStack() as clients:
        for _ in range(5 * MOST):
            clients.enter_context(page.silent())
        assert "echo_tui_connections" in page.fetch()
        until(lambda: fetching() <= MOST)
    until(lambda: fetching() == 0)
    assert page.complaints == []


def test_a_client_is_not_waited_for_for_ever(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_page._Handler, "timeout", 0.05)
    with page.silent() as client:
        client.sendall(b"GET /metr")
        assert client.recv(100) == b""
    assert page.complaints == []


@pytest.mark.parametrize(
    "request_line",
    [b"\0\xff\x80\r\n\r\n", b"GET\r\n\r\n", b"A" * 70_000 + b"\r\n"],
    ids=["binary", "cut", "long"],
)
def test_garbage_is_answered_or_hung_up_on(page: Page, request_line: bytes) -> None:
    with page.silent() as client:
        try:
            client.sendall(request_line)
            client.shutdown(socket.SHUT_WR)
            while client.recv(1000):
                pass
        except OSError:
            assert len(request_line) > 1000  # what it did not read makes the kernel reset
    assert "echo_tui_connections" in page.fetch()
    assert page.complaints == []


def test_a_fault_of_ours_is_told_and_answered_with_500() -> None:
    class Broken:
        def collect(self) -> Any:
            raise RuntimeError("broken")

    registry = CollectorRegistry()
    registry.register(Broken())
    page = Page(registry)
    with pytest.raises(urllib.error.HTTPError) as caught:
        page.fetch()
    with caught.value as answer:
        assert answer.code == 500
    page.page.close()
    assert page.complaints == ["the metrics failed: RuntimeError: broken"]


@pytest.mark.parametrize(
    ("host", "says"),
    [("127.0.0.1", "is in use"), ("192.0.2.1", "give an address"), ("no.invalid", "give an addr")],
)
def test_what_it_cannot_listen_on_is_one_line(page: Page, host: str, says: str) -> None:
    with pytest.raises(SettingError) as caught:
        MetricsPage(host, page.page.port, CollectorRegistry(), page.complaints.append)
    assert f"--metrics {host}:{page.page.port}" in str(caught.value)
    assert says in str(caught.value)


def test_out_of_descriptors_it_does_not_spin(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    server = page.page._server

    def refuse(self: object) -> Any:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr("socketserver.TCPServer.get_request", refuse)
        patch.setattr(server.ending, "wait", waited.append)
        with page.silent():
            until(lambda: waited)
    assert waited[0] == metrics_page.PAUSE
