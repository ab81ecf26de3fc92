"""All scenarios: which rounds show which mistake, and from which figures on it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..core.settings import Settings
from . import measured_bytes, measured_kernel, measured_waits, measured_wakeups
from .byte_texts import BYTE_TEXTS
from .lab_text import LabText
from .loop_texts import LOOP_TEXTS
from .measured_kernel import WRITE_TIMEOUT
from .right_server import CALLBACK
from .scenario import Judge, Measure, Measured, Scenario, at_least

TEXTS: Final[Mapping[str, LabText]] = {**LOOP_TEXTS, **BYTE_TEXTS}
"""The words of all scenarios, by name."""


def _more_often(least: float) -> Judge:
    """Judge by a count: none is right, `least` at least is wrong."""
    return lambda right, wrong: right.value == 0 and wrong.value >= least


def _shows_threads(right: Measured, wrong: Measured) -> bool:
    return right.value <= 3 and wrong.value >= max(10, wrong.extra / 2)


def _shows_partial_writes(right: Measured, wrong: Measured) -> bool:
    return wrong.extra >= 10 * max(right.extra, 1) and wrong.value > 2 * right.value


def _scenario(name: str, measure: Measure, is_shown: Judge, **more: Any) -> Scenario:
    return Scenario(name, measure, is_shown, TEXTS[name], **more)


SCENARIOS: Final = (
    _scenario("pollout-always", measured_wakeups.measure_idle, at_least(20, 25)),
    _scenario("hup-ignored", measured_wakeups.measure_hung_up, at_least(20, 25)),
    _scenario("eof-ignored", measured_wakeups.measure_ended, at_least(20, 25)),
    _scenario("accept-emfile", measured_wakeups.measure_out_of_descriptors, at_least(20, 25)),
    _scenario("head-of-line", measured_waits.measure_behind_half_frame, at_least(5, 10)),
    _scenario("eagain", measured_waits.measure_unanswered, _more_often(5)),
    _scenario("thread-each", measured_waits.measure_threads, _shows_threads),
    _scenario(
        "slow-callback", measured_waits.measure_behind_callback, at_least(5, 10), words=(CALLBACK,)
    ),
    _scenario("drain-without-budget", measured_waits.measure_beside_firehose, at_least(5, 2)),
    _scenario("nodelay", measured_waits.measure_two_at_once, at_least(5, 1)),
    _scenario("sndbuf", measured_waits.measure_large_echo, _shows_partial_writes),
    _scenario("partial-ignored", measured_bytes.measure_lost_of_large, _more_often(1)),
    _scenario("edge-no-drain", measured_bytes.measure_lost_of_burst, _more_often(50)),
    _scenario("shared-buffer", measured_bytes.measure_mixed_up, _more_often(10)),
    _scenario("zero-length", measured_bytes.measure_lost_of_empty, _more_often(50)),
    _scenario("ready-but-eagain", measured_bytes.measure_lost_of_cut, _more_often(10)),
    _scenario("close-unread", measured_bytes.measure_lost_before_refusal, _more_often(0.3)),
    _scenario(
        "dual-stack",
        measured_bytes.measure_unreachable,
        _more_often(1),
        settings=Settings(host="::", port=0),
        host="::",
        find_obstacle=measured_bytes.find_no_ipv6,
    ),
    _scenario("no-cap", measured_kernel.measure_memory, at_least(4, 8)),
    _scenario(
        "pollout-third",
        measured_kernel.measure_slow_reader,
        _more_often(1),
        settings=Settings(port=0, write_timeout=WRITE_TIMEOUT),
    ),
    _scenario(
        "o-of-n",
        measured_kernel.measure_cost_of_many,
        at_least(3, 1),
        find_obstacle=measured_kernel.find_few_descriptors,
    ),
)
"""In the order in which they are listed."""
