"""A wakeup from another thread, and what must not hurt it."""

from __future__ import annotations

import select

from app.core.wakeup import Wakeup


def is_readable(wakeup: Wakeup) -> bool:
    return bool(select.select([wakeup.fd], [], [], 0)[0])


def test_a_wake_makes_it_readable_until_it_is_cleared() -> None:
    wakeup = Wakeup()
    assert not is_readable(wakeup)
    assert not wakeup.clear()
    wakeup.wake()
    wakeup.wake()
    assert is_readable(wakeup)
    assert wakeup.clear()
    assert not is_readable(wakeup)
    wakeup.close()


def test_a_full_pair_and_a_closed_one_are_fine() -> None:
    wakeup = Wakeup()
    for _ in range(100_000):
        wakeup.wake()
    while wakeup.clear():
        pass
    assert not is_readable(wakeup)
    wakeup.close()
    wakeup.wake()
