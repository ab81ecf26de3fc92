"""The report and the progress line, without a program."""

from __future__ import annotations

import fcntl
import os
import struct
import tempfile
import termios
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.core.histogram import Histogram
from app.load.findings import Finding
from app.load.load_plan import LoadShare
from app.load.load_runner import LoadWorker
from app.load.outcome import HISTOGRAM_BITS, Opening, Outcome, ProfileOutcome, Progress
from app.load.report import ProgressLine, histogram_lines, report, short_duration
from app.load.result import Result, merge
from tests.load.lying import plan
from tests.load.lying import share as only_share


def wide_histogram() -> Histogram:
    latency = Histogram(HISTOGRAM_BITS)
    for us in (1, 900, 1_000_000, 3_000_000_000):
        latency.record(us, 999_999_999)
    return latency


def test_a_line_of_the_histogram_fits_80_columns() -> None:
    lines = list(histogram_lines(wide_histogram()))
    assert max(map(len, lines)) <= 79


def test_bars_in_an_encoding_without_blocks() -> None:
    lines = list(histogram_lines(wide_histogram(), "latin-1"))
    assert "\n".join(lines).isascii()
    assert any(" ## " in line or line.count("#") > 20 for line in lines)


def worker_of(share: LoadShare) -> LoadWorker:
    worker = LoadWorker.__new__(LoadWorker)
    worker.share = share
    worker.opening = Opening()
    worker.progress = worker.outcome = None
    return worker


def progress_of(share: LoadShare, frames: int = 10, wrong: int = 0) -> LoadWorker:
    worker = worker_of(share)
    worker.opening = Opening(1, is_ready=True)
    worker.progress = Progress(
        seconds=1.0, alive=2, frames=frames, bytes=640, wrong=wrong, latency=((7, 3),)
    )
    return worker


def test_nothing_is_shown_where_there_is_no_terminal() -> None:
    with tempfile.TemporaryFile() as nowhere:
        line = ProgressLine(plan(frames=1), nowhere.fileno())
        line.render([progress_of(only_share(1, frames=1))])
        line.announce_stop()
        line.clear()
        assert nowhere.tell() == 0


@pytest.fixture
def drawn() -> Iterator[Callable[..., str]]:
    """Draw the progress line of some workers on a terminal of some columns."""
    master, terminal = os.openpty()

    def draw(workers: list[LoadWorker], columns: int = 0, **asked: Any) -> str:
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        line = ProgressLine(plan(**{"duration": 9.0, **asked}), terminal)
        line.render(workers)
        shown = os.read(master, 1000).decode()
        line.clear()
        assert os.read(master, 1000) == b"\r\x1b[2K"
        assert "\n" not in shown
        return shown.removeprefix("\r\x1b[2K\x1b[?7l").removesuffix("\x1b[?7h")

    yield draw
    os.close(terminal)
    os.close(master)


def test_the_progress_line_sums_the_workers(drawn: Callable[..., str]) -> None:
    one = only_share(1, frames=1)
    assert drawn([progress_of(one), progress_of(one, frames=32, wrong=1)], columns=120) == (
        "1.0 s of 9 · 1 wrong · 42/s · p50 0.007 ms · p99 0.007 ms · 4 connections · 42 echoes"
    )


def test_what_does_not_fit_is_left_out_and_never_what_is_wrong(drawn: Callable[..., str]) -> None:
    one = only_share(1, frames=1)
    busy = [progress_of(one, frames=223_549), progress_of(one, frames=94_980)]
    whole = drawn(busy, columns=200)
    for columns in (0, 80, 60, 30, 20):
        shown = drawn(busy, columns=columns)
        assert len(shown) <= (columns or 80) - 2, "a ^C has room behind it"
        assert whole.startswith(shown)
        if columns != 20:
            assert shown.startswith("1.0 s of 9 · 0 wrong")
            assert whole[len(shown) :][:3] in ("", " · "), "nothing is cut in the middle"
    assert " · p99 " in drawn(busy, columns=80)
    assert drawn(busy, columns=5) == "1.0"


def test_connecting_shows_how_far_it_is(drawn: Callable[..., str]) -> None:
    asked = {"connections": 2000, "columns": 80}
    assert drawn([], **asked) == "connecting to 127.0.0.1:1 …"
    workers = [worker_of(only_share(1, frames=1)) for _ in range(2)]
    workers[0].opening = Opening(connected=51)
    workers[1].opening = Opening(600, {"Connection refused": 3}, is_ready=True)
    misbehaving = worker_of(only_share(1, connections=0, duration=1.0, profiles=(("reset", 1),)))
    misbehaving.opening = Opening(1, is_ready=True)
    assert drawn([*workers, misbehaving], **asked) == (
        "connecting to 127.0.0.1:1 … · 651 of 2,000 connections · 3 failed"
    )


def test_profiles_alone_show_progress_too(drawn: Callable[..., str]) -> None:
    misbehaving = only_share(1, connections=0, duration=9.0, profiles=(("dribbler", 2),))
    told = [progress_of(misbehaving, frames=7, wrong=2)]
    assert drawn(told) == "1.0 s of 9 · 2 wrong · 7/s · 2 connections · 7 echoes"
    both = drawn([progress_of(only_share(1, frames=1)), *told], columns=120)
    assert "1.0 s of 9 · 2 wrong · 10/s · p50 " in both
    assert both.endswith("2 connections · 10 echoes"), "the measured ones"


def merged(*outcomes: Outcome | None, **asked: Any) -> Result:
    workers = []
    for outcome in outcomes:
        workers.append(progress_of(only_share(1, frames=1)))
        workers[-1].outcome = outcome
    return merge(plan(**{"duration": 2.0, **asked}), workers, interrupted=False)


def test_outcomes_are_merged() -> None:
    one = Outcome(
        frames=110, measured_frames=100, measured_bytes=6400, measured_s=2.0, cpu_s=1.9,
        latency=((5, 110),),
    )  # fmt: skip
    other = Outcome(
        frames=50, measured_frames=50, measured_bytes=3200, measured_s=2.0, cpu_s=0.2,
        latency=((9, 50),), late=3,
    )  # fmt: skip
    result = merged(one, other)
    assert (result.frames, result.connected, result.late) == (160, 2, 3)
    assert (result.frames_per_s, result.bytes_per_s) == (75.0, 4800.0)
    assert result.histogram.to_counts() == ((5, 110), (9, 50))
    assert result.cpu == (0.95, 0.1)
    assert result.was_the_ceiling
    assert result.well
    text = "\n".join(report(result))
    assert "95 %, 10 % of a core: the generator was the ceiling" in text
    assert "late         3 frames were due and not sent in time: the rate was too high" in text


def test_a_process_without_an_outcome_is_told() -> None:
    result = merged(Outcome(measured_s=1.0), None)
    assert not result.well
    assert "1 process of the generator ended without a result" in "\n".join(report(result))


def test_a_profile_that_saw_what_it_should_not() -> None:
    seen = ProfileOutcome(
        profile="oversize", clients=1, connections=1, sent=1, echoed=1, as_expected=False,
        saw="not refused",
    )  # fmt: skip
    result = merged(Outcome(measured_s=1.0, profiles=(seen,)))
    assert not result.well
    assert "oversize     1 client, NOT AS EXPECTED: not refused" in "\n".join(report(result))


@pytest.mark.parametrize(
    ("us", "text"),
    [(7, "0.007 ms"), (1234, "1.23 ms"), (99_940, "99.9 ms"), (123_456, "123 ms"),
     (4_100_000, "4.1 s"), (3_600_000_000, "3,600 s")],
)  # fmt: skip
def test_durations_in_words(us: int, text: str) -> None:
    assert short_duration(us) == text


def test_frames_of_lost_connections_say_nothing_of_the_rate() -> None:
    lost = Outcome(measured_s=1.0, frames=1, late=5, stranded=5, lost=1)
    text = "\n".join(report(merged(lost)))
    assert "late         5 frames were due on connections that were lost" in text
    assert "the rate" not in text
    both = "\n".join(report(merged(lost, Outcome(measured_s=1.0, late=1))))
    assert "late         1 frame was due and not sent in time: the rate was too high" in both
    assert "late         5 frames were due on connections that were lost" in both


def test_a_run_that_ends_at_once_says_nothing_of_the_generator() -> None:
    """A run that is too short measures only its first frames."""
    short = merged(Outcome(measured_s=0.4, cpu_s=0.4, frames=1))
    assert not short.was_the_ceiling
    assert merged(Outcome(measured_s=0.6, cpu_s=0.6, frames=1)).was_the_ceiling


# --- the verdict ---


def last_lines(*outcomes: Outcome | None, number: int = 1) -> list[str]:
    return list(report(merged(*outcomes)))[-number:]


def findings(number: int) -> tuple[Finding, ...]:
    return tuple(Finding(n, 0, 0, "lost", "closed by the server") for n in range(number))


def test_what_is_not_told_is_counted_in_findings() -> None:
    """Not in echoes: 320 may be missing on 64 lost connections."""
    outcome = Outcome(
        measured_s=1.0, frames=9, lost=64, missing=320, findings=findings(20), found=64
    )
    more, verdict = last_lines(outcome, number=2)
    assert more == "and 54 more"
    assert verdict == "NOT WELL: 320 missing echoes, 64 connections lost; right: 9 echoes"


@pytest.mark.parametrize("found", [0, 1, 10])
def test_where_all_is_told_there_is_no_more(found: int) -> None:
    outcome = Outcome(measured_s=1.0, unexpected=found, findings=findings(found), found=found)
    lines = last_lines(outcome, number=12)
    assert not any(line.startswith("and ") for line in lines)
    assert sum("closed by the server" in line for line in lines) == found


def test_what_profiles_met_is_in_the_verdict() -> None:
    seen = ProfileOutcome(
        profile="oversize", clients=1, connections=1, sent=1, echoed=1, as_expected=False,
        saw="not refused",
    )  # fmt: skip
    outcome = Outcome(unexpected=1, findings=findings(1), found=1, profiles=(seen,))
    assert last_lines(outcome) == ["NOT WELL: 1 surprise of a profile; right: 1 echo"]


def test_no_echo_is_not_well() -> None:
    result = merged(Outcome(measured_s=1.0))
    assert not result.well
    assert list(report(result))[-1] == "NOT WELL: not one echo came"


def test_one_is_not_many() -> None:
    text = "\n".join(report(merged(Outcome(measured_s=1.0, frames=1), duration=0.0, frames=1)))
    assert "1 connection, 1 frame in flight on each; " in text
    assert "; 1 frame; seed 7" in text
    assert text.endswith("every byte of 1 echo was right")
