"""A selector that works, where a sandbox forbids some calls of epoll."""

from __future__ import annotations

import selectors
import socket
from typing import Any

import pytest

from app.core.selector import make_selector


class Forbidden(selectors.PollSelector):
    """Each call works but the one that is named."""

    closed = False
    call = ""

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if self.call == "register":
            raise PermissionError(1, "Operation not permitted")
        return super().register(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.call == "select":
            raise PermissionError(1, "Operation not permitted")
        return super().select(timeout)

    def close(self) -> None:
        type(self).closed = True
        super().close()


@pytest.mark.parametrize("call", ["register", "select"])
def test_a_selector_of_which_a_call_is_forbidden_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.setattr(Forbidden, "call", call)
    monkeypatch.setattr(Forbidden, "closed", False)
    monkeypatch.setattr(selectors, "DefaultSelector", Forbidden)
    one, other = socket.socketpair()
    with one, other, make_selector() as selector:
        assert type(selector) is selectors.PollSelector
        assert Forbidden.closed
        selector.register(one, selectors.EVENT_READ)
        other.send(b"x")
        assert [key.fileobj for key, _ in selector.select(0)] == [one]


def test_the_quickest_one_is_taken_where_it_works() -> None:
    with make_selector() as selector:
        assert type(selector) is selectors.DefaultSelector
        assert not selector.get_map()
