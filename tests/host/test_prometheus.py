"""The program's figures, as the real Prometheus sees them."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from app.core.events import Reason
from app.core.framing import frame
from tests.host.test_metrics import figure, parsed, queries
from tests.peers import connect, exchange
from tests.program import PATIENCE, Headless, environment, run

pytestmark = pytest.mark.slow


def url_of(program: Headless) -> str:
    """Where its metrics are: the second line says so."""
    return str(program.event("notice")["text"].removeprefix("metrics on "))


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        text: str = answer.read().decode()
        return text


@pytest.fixture
def program() -> Iterator[Headless]:
    with Headless("--log-format", "json", "--metrics", "0") as program:
        yield program


def test_the_program_tells_where_and_answers(program: Headless) -> None:
    url = url_of(program)
    assert url.startswith("http://127.0.0.1:")
    with connect(program.port) as client:
        exchange(client, [frame(b"hi")] * 10, 60)
        told = parsed(fetch(url))
    assert figure(told, "frames_total", direction="out") == 10
    assert told["process_resident_memory_bytes", ()] > 10 * 1024**2
    assert program.event("closed")["frames_out"] == 10
    code, _, errors = program.end(signal.SIGTERM)
    assert (code, errors) == (0, "")


def test_a_port_in_use_is_told_at_start_up(program: Headless) -> None:
    port = url_of(program).split(":")[2].split("/")[0]
    ended = run("--no-ui", "--metrics", port, "127.0.0.1", "0")
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert ended.stderr.decode() == (
        f"echo-tui: --metrics 127.0.0.1:{port} is in use: choose another PORT (0 = any free one)\n"
    )


@pytest.mark.parametrize("text", ["abc", "70000", ":9100", "127.0.0.1:", "", "9100\x1b", "²"])
def test_what_is_no_address_is_told(text: str) -> None:
    ended = run("--no-ui", "--metrics", text, "127.0.0.1", "0")
    assert ended.returncode == 2
    assert b"is not [HOST:]PORT" in ended.stderr
    assert ended.stderr.count(b"\n") == 1
    assert b"\x1b" not in ended.stderr


def test_without_the_library_it_says_how_to_get_it() -> None:
    code = (
        "import sys; sys.modules['prometheus_client'] = None\n"
        "from app.cli.main import main; main(['--no-ui', '--metrics', '0', '127.0.0.1', '0'])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        timeout=PATIENCE,
        env=environment(),
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert ended.stderr == (
        b"echo-tui: --metrics needs prometheus-client: pip install 'echo-tui[metrics]'\n"
    )


# --- the real thing -------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_has_no_objection(program: Headless) -> None:
    text = fetch(url_of(program))
    ended = subprocess.run(
        ["promtool", "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


class Prometheus:
    """The real one, on a port of its own, scraping one page every second."""

    def __init__(self, folder: Path, target: str) -> None:
        job = {"job_name": "echo", "static_configs": [{"targets": [target]}]}
        config = folder / "prometheus.yml"  # every JSON is a YAML
        config.write_text(
            json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [job]})
        )
        self._log = (folder / "log").open("w+")
        self.process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                "--web.listen-address=127.0.0.1:0",
            ],
            stdout=subprocess.DEVNULL,
            stderr=self._log,
        )
        self._folder = folder

    def __enter__(self) -> Prometheus:
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.kill()
        self.process.wait()
        self._log.close()

    def address(self) -> str:
        """Where it listens: its log says so, some time before it is ready."""
        deadline = monotonic() + 60
        while True:
            log = (self._folder / "log").read_text()
            found = re.search(r'msg="Listening on" address=(127\.0\.0\.1:\d+)', log)
            if found and "Server is ready to receive web requests" in log:
                return found[1]
            assert self.process.poll() is None, log
            assert monotonic() < deadline, log
            sleep(0.05)

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The result of a query; it fails if the query is none."""
        asked = urllib.parse.urlencode({"query": query})
        answer = json.loads(fetch(f"http://{self.address()}/api/v1/query?{asked}"))
        assert answer["status"] == "success", query
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def until(self, query: str, value: float) -> None:
        """Wait until the query has that value."""
        deadline = monotonic() + 60
        while True:
            found = self.ask(query)
            if found and float(found[0]["value"][1]) == value:
                return
            assert monotonic() < deadline, (query, found)
            sleep(0.1)


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed")
def test_prometheus_scrapes_it_and_takes_every_query_of_the_dashboard(
    program: Headless, tmp_path: Path
) -> None:
    target = url_of(program).split("/")[2]
    with Prometheus(tmp_path, target) as prometheus, connect(program.port) as client:
        exchange(client, [frame(b"hi")] * 100, 600)
        prometheus.until('up{job="echo"}', 1)
        prometheus.until('echo_tui_frames_total{job="echo",direction="out"}', 100)
        prometheus.until('sum(echo_tui_connections{job="echo"})', 1)
        prometheus.until('count(echo_tui_connections_closed_total{job="echo"})', len(Reason))
        for query in queries():
            prometheus.ask(query.replace("$job", "echo").replace("$__rate_interval", "1m"))
