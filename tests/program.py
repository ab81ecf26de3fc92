"""Runs the real program as a subprocess."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parent.parent
PATIENCE = 15.0
"""Seconds after which a test gives up on the program."""


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default"}


def run(
    *arguments: str, stdin: bytes = b"", python: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[bytes]:
    """Run the program to its end."""
    return subprocess.run(
        [sys.executable, *python, "-m", "app", *arguments],
        input=stdin,
        capture_output=True,
        timeout=PATIENCE,
        env=environment(),
        check=False,
        cwd=ROOT,
    )


class Headless:
    """`python -m app --no-ui` on a free port; a context manager that ends it."""

    def __init__(
        self,
        *options: str,
        python: tuple[str, ...] = (),
        arguments: tuple[str, ...] = ("127.0.0.1", "0"),
    ) -> None:
        """`arguments` are HOST and PORT; none where `options` or the environment name them."""
        command = [sys.executable, *python, "-m", "app", "--no-ui", *options, *arguments]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            cwd=ROOT,
            text=True,
        )
        assert self.process.stdout is not None
        self._lines = self.process.stdout
        self.first = self._lines.readline().rstrip("\n")
        self.port = self._port()

    def _port(self) -> int:
        if self.first.startswith("{"):
            return int(json.loads(self.first)["port"])
        return int(self.first.rpartition(":")[2] or 0)

    def event(self, kind: str) -> dict[str, Any]:
        """Return the next JSON line of that kind."""
        for line in self._lines:
            event: dict[str, Any] = json.loads(line)
            if event["event"] == kind:
                return event
        raise AssertionError(f"no {kind!r} line")

    def end(self, *signals: int) -> tuple[int, str, str]:
        """Send the signals; return the exit code, the rest of stdout, and stderr."""
        for number in signals:
            self.process.send_signal(number)
        out, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, errors

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
