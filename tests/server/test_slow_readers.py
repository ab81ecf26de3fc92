"""Who reads slowly, and who has stopped: told by steps, and by a peer's own socket."""

from __future__ import annotations

import pytest

from app.server.kernel import PeerProgress
from app.server.outstanding import Outstanding

from .played_queues import Bench


def test_a_slow_reader_is_not_brisk_traffic_while_nothing_is_pending_for_a_moment() -> None:
    bench = Bench()
    bench.look(101.0, 9000)
    for moved, size, unacked in ((101.4, 20_000, 25_000), (101.9, 10_000, 29_000)):
        bench.echo(size, moved)
        queues = bench.look(moved + 0.1, unacked)
    assert queues is not None, "all that was written at first is acknowledged"
    assert (queues.acked_bytes, queues.since) == (11_000, 100.0)


def test_one_who_acknowledges_in_steps_has_stopped_only_after_more_than_a_step() -> None:
    bench = Bench()
    stopped = {}
    unacked = 9000
    for tick in range(2, 48):
        now = 100.0 + tick / 2
        if tick % 8 == 0:  # every four seconds, until the last step
            unacked -= 1000 if tick <= 24 else 0
            bench.queues.peer = PeerProgress(0.0, 0, 0, unacked, 0, False)
        else:
            bench.queues.peer = PeerProgress(now % 4, 0, 0, unacked, 0, False)
        queues = bench.look(now, unacked)
        assert queues is not None
        stopped[tick / 2] = queues.has_stopped
    # The first step is not known to be one; the last acknowledgement came after 12 s.
    assert not any(stopped[second] for second in (4.0, 5.5, 9.0, 11.5, 12.0, 17.5))
    assert stopped[18.0]


def test_a_peer_on_this_machine_that_reads_between_two_steps_has_not_stopped() -> None:
    bench = Bench()
    bench.queues.peer = PeerProgress(0.0, 0, 0, 4000, 0, False)
    for tick in range(2, 20):  # nothing is acknowledged, and 1,000 bytes a second are read
        bench.queues.left_unread = 6000 - 500 * min(tick, 10)
        queues = bench.look(100.0 + tick / 2, 4000)
        assert queues is not None
        assert queues.has_stopped is (tick >= 14), f"it read last at 5 s; {tick / 2} s"
        if 4 <= tick <= 10:
            assert queues.acked_per_second == pytest.approx(1000)


def test_a_peer_on_this_machine_that_never_reads_is_told_a_second_after_the_first_look() -> None:
    bench = Bench()
    bench.queues.left_unread = 6000
    for seconds, has_stopped in ((1.0, False), (1.5, False), (2.0, True), (9.0, True)):
        bench.queues.peer = PeerProgress(seconds, 0, 0, 4000, 0, False)
        queues = bench.look(100.0 + seconds, 4000)
        assert queues is not None
        assert queues.has_stopped is has_stopped


def test_a_peer_that_has_stopped_is_asked_every_two_seconds_and_reading_again_is_noticed() -> None:
    bench = Bench()
    bench.queues.left_unread = 6000
    bench.queues.peer = PeerProgress(9.0, 0, 0, 4000, 0, False)
    for tick in range(2, 202):
        bench.look(100.0 + tick / 2, 4000)
    assert 50 <= bench.queues.peers_asked <= 55
    bench.queues.left_unread = 5000
    told = [bench.look(201.0 + tick / 2, 4000) for tick in range(1, 5)]
    assert any(queues is not None and not queues.has_stopped for queues in told)


def test_the_descriptor_for_asking_is_given_back_once_nothing_is_unacknowledged() -> None:
    bench = Bench()
    bench.look(101.5, 4000)
    assert bench.queues.is_open
    bench.look(102.0, 0)
    assert not bench.queues.is_open


def test_the_rate_is_of_the_last_seconds() -> None:
    known = Outstanding(0.0, 0.0, 0)
    for second in range(1, 61):
        known.note_acked(known.acked_bytes + (10**6 if second < 40 else 1000), float(second), 30.0)
        known.looked_at = float(second)
    assert known.to_queues(0.0).acked_per_second == pytest.approx(1000, rel=0.1)


def test_a_long_step_counts_for_a_while_though_short_ones_follow() -> None:
    known = Outstanding(0.0, 0.0, 0)
    for when in (1.0, 5.0, 5.2, 5.4):  # a step of 4 s, of which 0.7 * 0.7 are left, 1.96 s
        known.note_acked(known.acked_bytes + 1000, when, 30.0)
    known.looked_at = 5.4 + 2.9
    assert not known.has_stopped
    known.looked_at = 5.4 + 3.0
    assert known.has_stopped


def test_what_fills_the_peers_receive_buffer_at_first_is_no_rate() -> None:
    known = Outstanding(0.0, 0.0, 0)
    for tick in range(1, 31):
        now = tick / 10
        known.note_acked(known.acked_bytes + (500_000 if tick < 5 else 2000), now, 30.0)
        known.looked_at = now
        rate = known.to_queues(0.0).acked_per_second
        assert rate == (0.0 if now < 1 else pytest.approx(20_000, rel=0.1))
