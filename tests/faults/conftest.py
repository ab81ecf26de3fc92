"""Prints what was measured, for the table in the README."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.harness import FIGURES

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in this folder as a run of its own."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.fault)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each promise."""
    if FIGURES:
        terminalreporter.section("measured", "-")
        for promise, figure in sorted(FIGURES.items()):
            terminalreporter.line(f"{promise}: {figure}")
