"""The figures for Prometheus: right, complete, and no burden between two scrapes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from app.core.events import ConnectionState, Notice, Reason
from app.core.framing import frame
from app.core.histogram import Histogram
from app.core.settings import Settings
from app.core.statistics import LoopStats
from app.host import metrics
from app.host.metrics import ServerCollector, registry_of
from app.server.server import Server
from app.watch.fanout import Fanout
from app.watch.process_figures import Usage
from app.watch.stream import Drained, EventStream
from tests.making import closed, listening, loop_stats, opened, snapshot, worker
from tests.peers import PATIENCE, connect, exchange
from tests.program import ROOT
from tests.waiting import until

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(registry: CollectorRegistry) -> Samples:
    """Every sample of a scrape."""
    return parsed(generate_latest(registry).decode())


def parsed(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def figure(told: Samples, name: str, **labels: str) -> float:
    return told[f"echo_tui_{name}", tuple(sorted(labels.items()))]


class Measured:
    """A server that is watched by nobody but its metrics."""

    def __init__(self) -> None:
        self.stream = EventStream()
        self.server = Server(Settings(port=0, max_connections=500, cap=1 << 20), self.stream)
        self.fanout = Fanout(self.stream, self.server.wake, now=self.server.now)
        self.registry = registry_of(ServerCollector(self.fanout))
        self.server.start()
        self.fanout.start()

    def end(self) -> None:
        self.server.stop("test", now=True)
        assert self.server.join(PATIENCE)
        self.fanout.join(PATIENCE)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Iterator[Measured]:
    monkeypatch.setattr(metrics, "FRESH", 0.0)
    server = Measured()
    yield server
    server.end()


@pytest.mark.slow
def test_the_figures_are_those_that_the_clients_count(measured: Measured) -> None:
    sizes = [0, 1, 5, 1000, 70_000, 300_000]
    wire = b"".join(frame(bytes(size)) for size in sizes)
    clients = [connect(measured.server.port) for _ in range(5)]
    for client in clients:
        assert exchange(client, [wire], len(wire)) == wire
    for client in clients[:2]:
        client.close()
    clients[2].sendall(b"\0\0")
    clients[2].close()
    clients[3].sendall((1 << 30).to_bytes(4, "big"))
    assert clients[3].recv(1) == b""
    clients[3].close()
    until(lambda: len(measured.fanout.state.rows) == 1)

    told = samples(measured.registry)
    frames, size = len(clients) * len(sizes), len(clients) * len(wire)
    assert figure(told, "frames_total", direction="in") == frames
    assert figure(told, "frames_total", direction="out") == frames
    # Two bytes of a header, and a header that was refused.
    assert figure(told, "bytes_total", direction="in") == size + 2 + 4
    assert figure(told, "bytes_total", direction="out") == size
    assert figure(told, "service_seconds_count") == frames
    assert figure(told, "service_seconds_bucket", le="+Inf") == frames
    # All but the iteration in which the figures are told.
    assert figure(told, "loop_iteration_seconds_count") >= figure(told, "loop_wakeups_total") - 1
    assert figure(told, "connections_opened_total") == 5
    ends = {reason: figure(told, "connections_closed_total", reason=reason) for reason in Reason}
    assert {reason: count for reason, count in ends.items() if count} == {
        "eof": 2,
        "eof_mid_header": 1,
        "frame_too_large": 1,
    }
    assert sum(figure(told, "connections", state=state) for state in metrics.STATES) == 1
    stats = measured.fanout.state.stats
    assert stats is not None
    assert (stats.open, stats.opened, stats.closed) == (1, 5, 4)
    for name, value in {
        "eagains_total": stats.eagains,
        "partial_writes_total": stats.partial_writes,
        "pollout_toggles_total": stats.toggles,
        "pollout_armed": stats.armed,
        "accept_errors_total": 0,
        "loop_polls_total": stats.polls + stats.repolls,
        "loop_wakeups_total": stats.wakeups,
        "loop_cpu_seconds_total": pytest.approx(stats.cpu_seconds),
        "events_dropped_total": 0,
        "cap_bytes": 1 << 20,
        "connections_limit": 500,
    }.items():
        assert figure(told, name) == value, name
    clients[4].close()


@pytest.mark.slow
def test_a_connection_counts_in_the_state_that_it_is_in(measured: Measured) -> None:
    def states() -> dict[str, float]:
        told = samples(measured.registry)
        return {state: figure(told, "connections", state=state) for state in metrics.STATES}

    with connect(measured.server.port), connect(measured.server.port) as dribbling:
        until(lambda: states()["READ_LEN"] == 2)
        dribbling.sendall(frame(b"half")[:6])
        until(lambda: states() == {"READ_LEN": 1, "READ_BODY": 1, "WRITE_BODY": 0, "DRAINING": 0})


@pytest.mark.slow
def test_no_peer_adds_a_series_and_nobody_watches_between_scrapes(measured: Measured) -> None:
    before = samples(measured.registry)
    with connect(measured.server.port) as client:
        assert exchange(client, [frame(b"hi")], 6) == frame(b"hi")
        after = samples(measured.registry)
        assert set(after) == set(before)
        assert not measured.stream.watched


def figures_of(stats: LoopStats) -> Drained:
    """A round of statistics as it is drained."""
    return Drained([], [], stats, 0)


class Quiet:
    """The metrics of a fan-out that is fed by hand, of a loop that never answers."""

    def __init__(self) -> None:
        self.fanout = Fanout(EventStream(), lambda: None, now=lambda: 100.0)
        collector = ServerCollector(self.fanout)
        self.figures = collector.figures
        self.registry = registry_of(collector)


def test_a_loop_that_hangs_leaves_old_figures_and_their_age(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "PATIENCE", 0.0)
    quiet = Quiet()
    assert "echo_tui_loop_polls_total" not in generate_latest(quiet.registry).decode()
    quiet.fanout.hand_on(Drained([opened(1)], [snapshot(1)], loop_stats(60.0, 7, 64, 1), 0))
    told = samples(quiet.registry)
    assert figure(told, "frames_total", direction="out") == 7
    assert figure(told, "statistics_age_seconds") == 40.0
    latest = msgspec.structs.replace(loop_stats(99.0, 8, 64, 1), oldest_at=70.0)
    quiet.fanout.hand_on(Drained([], [], latest, 0))
    assert figure(samples(quiet.registry), "statistics_age_seconds") == 30.0


def test_within_half_a_second_the_loop_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "PATIENCE", 0.0)
    asked: list[float] = []
    time = [0.0]
    fanout = Fanout(EventStream(), lambda: asked.append(time[0]))
    registry = registry_of(ServerCollector(fanout, clock=lambda: time[0]))
    for time[0] in (0.0, 0.2, 0.49, 0.5, 0.9, 1.0):
        generate_latest(registry)
    assert sorted(set(asked)) == [0.0, 0.5, 1.0]


def test_figures_that_were_on_their_way_are_not_those_asked_for() -> None:
    figures = metrics.FreshFigures()
    figures.asked_at = 10.0
    figures.hear(figures_of(loop_stats(9.9, 0, 0, 0)))
    assert not figures.arrived.is_set()
    figures.hear(figures_of(loop_stats(10.0, 0, 0, 0)))
    assert figures.arrived.is_set()


def test_a_wall_clock_that_is_set_back_delays_no_scrape() -> None:
    figures = metrics.FreshFigures()
    figures.asked_at = 3610.0
    notice = Notice(t=10.1, level="warning", text="", clock_step=-3600.0)
    figures.hear(Drained([notice], [], None, 0))
    figures.hear(figures_of(loop_stats(10.2, 0, 0, 0)))
    assert figures.arrived.is_set()


def test_no_reader_takes_the_longest_iteration_from_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "PATIENCE", 0.0)
    quiet = Quiet()

    def longest() -> float:
        return figure(samples(quiet.registry), "loop_iteration_longest_seconds")

    for t, us in ((10.0, 5), (11.0, 900), (12.0, 2)):
        quiet.fanout.hand_on(
            figures_of(msgspec.structs.replace(loop_stats(t, 0, 0, 0), longest_us=us))
        )
    assert (longest(), longest()) == (900e-6, 900e-6)
    quiet.fanout.hand_on(
        figures_of(msgspec.structs.replace(loop_stats(71.5, 0, 0, 0), longest_us=7))
    )
    assert longest() == 7e-6


def test_cpu_time_does_not_fall_when_a_worker_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "PATIENCE", 0.0)
    own = os.getpid()
    used: dict[int, Usage | None] = {own: Usage(1.0, 10, 5, 2, 50.0, 0)}
    monkeypatch.setattr(metrics, "usage", used.get)
    fanout = Fanout(EventStream(), lambda: None, now=lambda: 100.0)
    registry = registry_of(ServerCollector(fanout, lambda: [pid for pid in used if pid != own]))

    def cpu() -> float:
        return samples(registry)["process_cpu_seconds_total", ()]

    used[7] = Usage(30.0, 10, 5, 2, 60.0, 0)
    assert cpu() == 31
    used[7] = None  # it cannot be read for a moment
    assert cpu() == 31
    del used[7]
    assert cpu() == 31
    used[7] = Usage(0.5, 10, 5, 2, 90.0, 1)  # another process with the same number
    assert cpu() == 31.5
    used[own] = None
    assert "process_cpu_seconds_total" not in {name for name, _ in samples(registry)}
    used[own] = Usage(2.0, 10, 5, 2, 50.0, 0)
    assert cpu() == 32.5


def test_the_descriptors_and_their_limit_are_of_one_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "PATIENCE", 0.0)
    own = os.getpid()
    used = {own: Usage(1.0, 10, 90, 2, 50.0, 0), 7: Usage(1.0, 10, 60, 2, 50.0, 0)}
    monkeypatch.setattr(metrics, "usage", used.get)
    monkeypatch.setattr(metrics, "descriptor_limit", {own: 1000, 7: 64}.get)
    told = samples(registry_of(ServerCollector(Fanout(EventStream(), lambda: None), lambda: [7])))
    assert (told["process_open_fds", ()], told["process_max_fds", ()]) == (60, 64)


def test_workers_have_figures_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "PATIENCE", 0.0)
    quiet = Quiet()
    assert not any("worker" in name for name, _ in samples(quiet.registry))
    first, second = worker(1), worker(2, silent=9.0)
    quiet.fanout.hand_on(Drained([first, msgspec.structs.replace(second, restarts=3)], [], None, 0))
    quiet.fanout.hand_on(Drained([msgspec.structs.replace(first, alive=False)], [], None, 0))
    told = samples(quiet.registry)
    names = ("worker_alive", "worker_restarts_total", "worker_hung")
    assert [figure(told, name, worker="1") for name in names] == [0, 0, 0]
    assert [figure(told, name, worker="2") for name in names] == [1, 3, 1]


def test_histograms_count_exactly_up_to_each_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "PATIENCE", 0.0)
    values = [0, 7, 8, 31, 32, 1000, 1023, 1024, 5_000_000, 20_000_000]
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    quiet = Quiet()
    stats = msgspec.structs.replace(loop_stats(0.0, 0, 0, 0), service_us=histogram.to_counts())
    quiet.fanout.hand_on(figures_of(stats))
    told = samples(quiet.registry)
    for edge in metrics.EDGES_US:
        below = sum(value < edge for value in values)
        assert figure(told, "service_seconds_bucket", le=str(edge / 1e6)) == below, edge
    assert figure(told, "service_seconds_bucket", le="+Inf") == len(values)
    assert figure(told, "service_seconds_count") == len(values)
    assert figure(told, "service_seconds_sum") == pytest.approx(sum(values) / 1e6, rel=0.02)
    assert figure(told, "loop_iteration_seconds_count") == 0


def test_ends_are_counted_by_reason_though_nobody_scrapes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "PATIENCE", 0.0)
    quiet = Quiet()
    for number, reason in enumerate((Reason.EOF, Reason.RESET, Reason.EOF), 1):
        quiet.fanout.hand_on(Drained([opened(number), closed(number, reason)], [], None, 0))
    told = samples(quiet.registry)
    ends = {reason: figure(told, "connections_closed_total", reason=reason) for reason in Reason}
    assert {reason: count for reason, count in ends.items() if count} == {"eof": 2, "reset": 1}
    assert figure(told, "connections_opened_total") == 3


# --- the dashboard for Grafana --------------------------------------------------------------------


def queries() -> list[str]:
    board = json.loads((ROOT / "docs" / "grafana.json").read_text("utf-8"))
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]]


def test_every_query_of_the_dashboard_and_the_alerts_is_of_figures_that_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "PATIENCE", 0.0)
    quiet = Quiet()
    quiet.fanout.hand_on(Drained([listening()], [], None, 0))
    quiet.fanout.hand_on(figures_of(loop_stats(0.0, 0, 0, 0)))
    exported = {name for name, _ in samples(quiet.registry)}
    used = [re.findall(r"\b(?:echo_tui|process)_\w+", query) for query in queries()]
    assert all(used)
    shown = {name for names in used for name in names}
    assert shown <= exported
    alerts = (ROOT / "docs" / "alerts.yml").read_text("utf-8")
    assert set(re.findall(r"\b(?:echo_tui|process)_\w+", alerts)) <= exported
    parts_of_histograms = {
        name for name in exported if name.endswith(("_bucket", "_sum", "_count"))
    }
    assert exported - parts_of_histograms - shown == {
        "echo_tui_build_info",  # names the jobs to choose from
        "echo_tui_cap_bytes",
        "echo_tui_listener_accepts_total",
        "echo_tui_loop_polls_total",
        "process_start_time_seconds",
        "process_threads",
    }
    assert {*metrics.STATES} == {*ConnectionState} - {ConnectionState.CLOSED}


def test_every_figure_stands_in_the_table_of_the_docs(measured: Measured) -> None:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    full = set(re.findall(r"`(echo_tui_\w+)", text))
    ends = tuple(re.findall(r"`…(_\w+)", text))
    told = {name for name, _ in samples(measured.registry) if name.startswith("echo_tui_")}
    told = {re.sub("_(bucket|sum|count|created)$", "", name) for name in told}
    assert {name for name in told if name not in full and not name.endswith(ends)} == set()
