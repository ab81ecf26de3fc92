"""A limit on memory or threads at the start is one line and exit code 2."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from tests.program import PATIENCE, ROOT, environment

MIB = 1024**2


def ended(*arguments: str, limit: int = 0) -> subprocess.CompletedProcess[str]:
    """Run Python to its end, with `limit` bytes of address space; 0 is no limit."""

    def limit_memory() -> None:
        if limit:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        timeout=PATIENCE,
        env=environment(),
        cwd=ROOT,
        check=False,
        text=True,
        preexec_fn=limit_memory,
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is Linux's")
@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize("mib", [20, 30, 40, 50])
def test_a_limit_on_memory_is_one_line(mib: int, workers: str) -> None:
    arguments = ("-m", "app", "--no-ui", "127.0.0.1", "0", "--workers", workers)
    run = ended(*arguments, limit=mib * MIB)
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.startswith("echo-tui: not enough ")
    assert run.stderr.count("\n") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is Linux's")
@pytest.mark.parametrize(
    ("room", "is_one_line"),
    [(1, True), (64, False), (0, False)],
    ids=["used up", "far from the limit", "no limit"],
)
def test_any_error_at_a_limit_on_memory_is_one_line(room: int, is_one_line: bool) -> None:
    """Without memory CPython's compiler raises ValueError, for one; `room` is in MiB."""
    script = (
        "import resource, app.cli.main as cli\n"
        "from app.__main__ import main\n"
        "from pathlib import Path\n"
        "status = Path('/proc/self/status').read_text().partition('VmPeak:')[2]\n"
        f"limit = int(status.split()[0]) * 1024 + {room} * 1024**2\n"
        f"if {room}: resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        "def run(): raise ValueError('field of\\na node')\n"
        "cli.main = run\n"
        "main()\n"
    )
    run = ended("-c", script)
    if is_one_line:
        said = "memory, most likely: raise `ulimit -v` (ValueError: field of)"
        assert (run.returncode, run.stderr) == (2, f"echo-tui: not enough {said}\n")
    else:
        assert run.returncode == 1
        assert "Traceback" in run.stderr
