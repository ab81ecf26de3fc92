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


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is Linux's")
@pytest.mark.parametrize(
    "text",
    [
        "error return without exception set",
        "<function f> returned NULL without setting an exception",
    ],
)
@pytest.mark.parametrize("is_limited", [True, False])
def test_an_exception_without_memory_for_itself_is_one_line_only_under_a_limit(
    text: str, is_limited: bool
) -> None:
    """CPython reports it with either text, now and then, where a limit on memory is met."""
    script = (
        "import resource, app.cli.main as cli\n"
        "from app.__main__ import main\n"
        f"if {is_limited}: resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))\n"
        f"def run(): raise SystemError({text!r})\n"
        "cli.main = run\n"
        "main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        timeout=PATIENCE,
        env=environment(),
        cwd=ROOT,
        check=False,
    )
    is_one_line = ended.stderr.startswith(b"echo-tui: not enough memory")
    assert (ended.returncode, is_one_line) == ((2, True) if is_limited else (1, False))
