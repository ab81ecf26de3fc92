"""Waits for the effects of other threads and processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

PATIENCE: Final = 10.0
"""Seconds after which a test gives up; no test should come near it."""


def until(holds: Callable[[], object], what: str = "it") -> None:
    """Call `holds()` every 5 ms until it is true; fail after `PATIENCE`."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.005)
