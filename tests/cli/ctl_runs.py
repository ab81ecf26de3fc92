"""Runs of `echo-tui ctl` from outside."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

from tests.control.serving import Controlled
from tests.program import PATIENCE, ROOT, environment

Ctl: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]


def ctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `ctl` to its end, without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "app", "ctl", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        env=environment(),
        check=False,
        cwd=ROOT,
        text=True,
    )


def asking(controlled: Controlled) -> Ctl:
    """Return what runs `ctl` on that server."""

    def run(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return ctl(command, "--control", str(controlled.path), *arguments)

    return run


def objects(ended: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """Return the JSON objects of a run that ended well."""
    assert (ended.returncode, ended.stderr) == (0, "")
    return [json.loads(line) for line in ended.stdout.splitlines()]
