"""A limit on memory or threads at the start is one line and exit code 2."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from tests.program import PATIENCE, ROOT, environment

MIB = 1024**2


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is Linux's")
@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize("mib", [20, 30, 40, 50])
def test_a_limit_on_memory_is_one_line(mib: int, workers: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "app", "--no-ui", "127.0.0.1", "0", "--workers", workers],
        capture_output=True,
        timeout=PATIENCE,
        env=environment(),
        cwd=ROOT,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (mib * MIB, mib * MIB)),
    )
    assert ended.returncode == 2
    assert ended.stdout == b""
    assert ended.stderr.startswith(b"echo-tui: not enough ")
    assert ended.stderr.count(b"\n") == 1
