"""Waiting for what other threads and processes bring about."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

PATIENCE: Final = 10.0
"""Seconds after which a test gives up; none should ever come near it."""


def until(holds: Callable[[], object], what: str = "it") -> None:
    """Look again and again until `holds()` is true; a failure after `PATIENCE`."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.005)
