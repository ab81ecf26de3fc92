"""One that never stops does not keep the others waiting."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.faults.harness import FIGURES, MIB, ROOT, Server, WellBehaved, serving

MEDIAN = 0.010
HOSES = 2
SPAN = 1.5


def _firehoses(server: Server) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.faults.neighbours", "firehose"]
    return subprocess.Popen(
        [*command, str(server.port), str(HOSES)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("poller", "write_mode"),
    [("epoll", "direct"), ("epoll", "armed"), ("epoll-et", "direct"), ("poll", "direct")],
)
def test_pings_beside_two_firehoses(poller: str, write_mode: str) -> None:
    promise = f"pings beside {HOSES} firehoses, {poller}, {write_mode}"
    with serving("--poller", poller, "--write-mode", write_mode) as server:
        before = server.figures()
        with _firehoses(server) as hoses:
            assert hoses.stdout is not None
            assert hoses.stdout.readline() == b"ready\n"
            with WellBehaved(server) as pings:
                busy = server.cpu_share(SPAN)
            out, _ = hoses.communicate(timeout=10)
        moved = json.loads(out)["bytes"]
        median, longest = pings.report["median"], pings.report["longest"]
        FIGURES[promise] = (
            f"median {median * 1e3:.2f} ms, longest {longest * 1e3:.0f} ms,"
            f" {moved / MIB / SPAN:.0f} MiB/s beside them"
        )
        assert busy > 0.3, "the hoses did not load the server"
        assert median < MEDIAN
        server.assert_recovers(before)
