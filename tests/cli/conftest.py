"""What several tests of the command line need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    """Write the configuration file; its path."""

    def write(text: str) -> str:
        path = tmp_path / "echo.toml"
        path.write_text(text, "utf-8")
        return str(path)

    return write
