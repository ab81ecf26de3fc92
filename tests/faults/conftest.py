"""Prints what was measured, for the table in the README."""

from __future__ import annotations

import pytest

from tests.faults.harness import FIGURES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each promise."""
    if FIGURES:
        terminalreporter.section("measured", "-")
        for promise, figure in sorted(FIGURES.items()):
            terminalreporter.line(f"{promise}: {figure}")
