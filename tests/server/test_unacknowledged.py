"""What the loop learns of bytes that are not acknowledged, from a kernel that a test plays."""

from __future__ import annotations

from math import inf

import pytest

from app.core.framing import frame
from app.server.connection import READ_SIZE, Connection
from app.server.kernel import PeerProgress
from app.server.outstanding import RATE_FLOOR, Outstanding
from app.server.reporter import LOOK_AFTER
from app.server.unacknowledged import LOOK_AGAIN, LOOKS

from .played_queues import Bench


def test_an_idle_connection_costs_nothing_and_a_brisk_one_a_look_a_second() -> None:
    bench = Bench()
    assert bench.reporter.next_look == 100.0 + LOOK_AFTER
    assert bench.look(101.0, 0) is None
    assert bench.reporter.next_look == inf
    for tick in range(100):
        bench.echo(64, 101.0 + tick / 25)
        if bench.reporter.next_look <= bench.reporter.now:
            assert bench.look(bench.reporter.now, 64) is None
    assert len(bench.queues.asked) <= 6


def test_one_that_fell_quiet_with_bytes_in_the_queue_is_told_with_the_kernels_figures() -> None:
    bench = Bench()
    bench.queues.peer = PeerProgress(0.6, 0, 1, 6000, 512, False)
    queues = bench.look(101.0, 9000)
    assert queues is not None
    assert (queues.since, queues.acked_at, queues.acked_bytes) == (100.0, 100.4, 1000)
    assert (queues.unacked_bytes, queues.in_flight_bytes, queues.window) == (9000, 3000, 512)
    assert not queues.has_stopped
    assert bench.reporter.next_look == 101.0 + LOOK_AGAIN
    assert bench.scheduled == [bench.connection], "its deadline has come nearer"
    bench.reporter.changed.clear()
    bench.queues.peer = PeerProgress(9.0, 0, 0, 6000, 512, False)
    queues = bench.look(101.5, 9000)
    assert queues is not None
    assert queues.has_stopped
    assert bench.reporter.changed == {bench.connection}, "no byte moved, and yet it is told"
    bench.reporter.changed.clear()
    bench.look(102.0, 9000)
    assert not bench.reporter.changed


def test_all_acknowledged_ends_it_and_says_when() -> None:
    bench = Bench()
    bench.look(101.0, 9000)
    bench.reporter.changed.clear()
    bench.queues.peer = PeerProgress(0.2, 0, 0, 0, 0, False)
    assert bench.look(101.5, 0) is None
    assert bench.connection.acked_all_at == pytest.approx(101.3)
    assert bench.connection.snapshot(0.0).t == pytest.approx(101.3), "not before the last snapshot"
    assert bench.reporter.changed == {bench.connection}
    assert bench.reporter.next_look == inf


@pytest.mark.parametrize("acks_meanwhile", [True, False])
def test_an_end_in_order_between_two_questions_is_no_reset(acks_meanwhile: bool) -> None:
    bench = Bench()
    assert bench.look(101.0, 9000) is not None
    bench.queues.peer = PeerProgress(0.0, 0, 0, 0, 0, is_over=True)
    bench.queues.acks_meanwhile = acks_meanwhile
    assert (bench.look(101.5, 9000) is None) is acks_meanwhile
    assert (bench.connection.outstanding is None) is acks_meanwhile


def test_what_was_told_is_taken_back_when_later_bytes_take_the_place_of_those_before() -> None:
    bench = Bench()
    assert bench.look(101.0, 9000) is not None
    bench.echo(64, 101.4)
    bench.reporter.changed.clear()
    assert bench.look(101.5, 32) is None, "only brisk traffic is left"
    assert bench.reporter.changed == {bench.connection}


def test_who_has_acknowledged_all_that_was_owed_begins_anew_also_where_more_is_pending() -> None:
    bench = Bench(patience=1.0)
    bench.look(101.0, 100)
    bench.connection.machine.receive(frame(bytes(900)), 1000, 101.8)
    bench.connection.begin_stall(101.8)
    bench.echo(64, 101.8)
    bench.look(102.1, 64)
    known = bench.connection.outstanding
    assert known is not None
    assert known.due(1.0) > 102.5, "of the bytes before, the last was acknowledged"


@pytest.mark.parametrize(
    ("peer", "answers"),
    [
        (PeerProgress(3.0, 1, 0, 0, 500, False), False),
        (PeerProgress(3.0, 0, 2, 500, 0, False), False),
        (PeerProgress(3.0, 0, 1, 500, 0, False), True),
        (PeerProgress(0.1, 1, 0, 0, 500, False), True),
        # Where one packet in ten is lost, two in a row are often lost, and the next one arrives.
        (PeerProgress(1.2, 2, 0, 0, 500, False), True),
        (PeerProgress(1.2, 0, 2, 500, 0, False), True),
        # What it sends itself comes in; what is sent to it is lost.
        (PeerProgress(0.1, 3, 0, 0, 500, False), False),
    ],
)
def test_unanswered_retransmissions_and_probes(peer: PeerProgress, answers: bool) -> None:
    bench = Bench()
    bench.queues.peer = peer
    queues = bench.look(103.0, 500)
    assert queues is not None
    assert queues.answers is answers


def test_a_probe_that_is_not_answered_for_a_second_is_enough() -> None:
    bench = Bench()
    answered = {}
    # An answered one at 103 s, and one at 106 s of which nothing comes back.
    for now, probes, ago in (
        (102.0, 0, 2.0), (103.0, 1, 3.0), (103.5, 0, 0.4), (105.5, 0, 2.4),
        (106.0, 1, 2.9), (106.5, 1, 3.4), (107.0, 1, 3.9), (107.5, 0, 0.2),
    ):  # fmt: skip
        bench.queues.peer = PeerProgress(ago, 0, probes, 9000, 0, False)
        queues = bench.look(now, 9000)
        assert queues is not None
        answered[now] = queues.answers
    assert [now for now, answers in answered.items() if not answers] == [107.0]


def test_a_retransmission_into_a_closed_window_that_is_not_answered_is_enough() -> None:
    """The kernel does not count it among those in a row: Linux, tcp_retransmit_timer."""
    bench = Bench()
    answered = {}
    # Those of 102.2 and 103.4 s are answered; that of 105.8 s is not, nor is the one of 110.6 s.
    for now, resent, ago in (
        (102.0, 2, 1.0), (102.5, 3, 0.3), (103.0, 3, 0.8), (103.5, 4, 0.1), (105.5, 4, 2.1),
        (106.0, 5, 2.6), (106.5, 5, 3.1), (107.0, 5, 3.6), (110.5, 5, 7.1), (111.0, 6, 7.6),
        (111.5, 6, 0.3), (112.0, 6, 0.8),
    ):  # fmt: skip
        bench.queues.peer = PeerProgress(ago, 0, 0, 5000, 0, False, resent)
        queues = bench.look(now, 9000)
        assert queues is not None
        answered[now] = queues.answers
    assert [now for now, answers in answered.items() if not answers] == [107.0, 110.5, 111.0]


def test_two_retransmissions_into_a_closed_window_without_an_answer_are_enough() -> None:
    bench = Bench()
    answered = []
    for now, resent in ((102.0, 2), (102.5, 3), (103.0, 4)):
        bench.queues.peer = PeerProgress(now - 101.0, 0, 0, 5000, 0, False, resent)
        queues = bench.look(now, 9000)
        assert queues is not None
        answered.append(queues.answers)
    assert answered == [True, True, False]


@pytest.mark.parametrize(
    ("unsent", "window", "seconds", "answers"),
    [
        (904, 65_536, 3.0, False),
        (904, 65_536, 1.5, True),
        (904, 0, 9.0, True),
        (70_000, 65_536, 9.0, True),
        (400, 65_536, 9.0, True),
        (904, None, 9.0, True),
    ],
)
def test_what_fits_the_window_and_is_not_sent_cannot_leave(
    unsent: int, window: int | None, seconds: float, answers: bool
) -> None:
    """Of 904 bytes in the send queue; a firewall of this machine drops what it sends."""
    bench = Bench()
    bench.echo(904, 101.0)
    bench.look(102.0, max(unsent, 904))
    bench.queues.peer = PeerProgress(0.1, 0, 0, unsent, window, False)
    queues = bench.look(101.0 + seconds, max(unsent, 904))
    assert queues is not None
    assert queues.answers is answers


def test_input_that_is_not_read_is_timed() -> None:
    bench = Bench()
    bench.queues.unread_bytes = 5
    bench.look(101.0, 500)
    bench.look(102.0, 500)
    told = bench.connection.snapshot(0.0)
    assert (told.unread, told.unread_at) == (5, 101.0)
    bench.connection.quick_bytes += 1  # it was read: what waits now is other input
    bench.connection.active_at = 101.0
    bench.look(103.0, 0)
    assert bench.connection.snapshot(0.0).unread_at == 103.0
    assert bench.reporter.next_look == 103.0 + LOOK_AGAIN, "also if all is acknowledged"
    bench.queues.unread_bytes = 0
    bench.look(104.0, 0)
    told = bench.connection.snapshot(0.0)
    assert (told.unread, told.unread_at) == (0, 0.0)
    assert bench.reporter.next_look == inf


def test_the_budget_holds_who_has_more_to_do_and_was_not_refused() -> None:
    bench = Bench()
    bench.look(101.0, 0)
    bench.connection.budget_hits += 3
    for now, unread, held in ((102.0, 9, True), (103.0, 9, False), (104.0, READ_SIZE, True)):
        bench.echo(64, now - 0.5)
        bench.queues.unread_bytes = unread
        bench.look(now, 0)
        assert bench.connection.snapshot(0.0).is_held is held
    bench.connection.machine.receive(frame(bytes(900)), 1000, 104.0)
    for now, eagains, held in ((105.0, 0, True), (106.0, 1, False)):
        bench.echo(64, now - 0.5)
        bench.connection.budget_hits += 1
        bench.connection.eagains += eagains
        bench.look(now, 64)
        assert bench.connection.snapshot(0.0).is_held is held


def test_who_was_held_is_held_while_the_budget_still_cuts_it() -> None:
    bench = Bench()
    bench.look(101.0, 0)
    for now, unread, hits, held in (
        (102.0, READ_SIZE, 0, True),
        (103.0, 0, 1, True),
        (104.0, 0, 0, False),
        (105.0, 0, 1, False),
    ):
        bench.echo(64, now - 0.5)
        bench.connection.budget_hits += hits
        bench.queues.unread_bytes = unread
        bench.look(now, 0)
        assert bench.connection.snapshot(0.0).is_held is held


@pytest.mark.parametrize(("offered", "held"), [(False, True), (True, False)])
def test_input_behind_an_echo_that_waits_for_its_turn_is_held_too(
    offered: bool, held: bool
) -> None:
    bench = Bench()
    bench.look(101.0, 0)
    bench.connection.machine.receive(frame(bytes(900)), 1000, 101.0)
    bench.connection.offered = offered
    bench.connection.eagains += 1  # of a read, unless the echo was offered
    bench.queues.unread_bytes = READ_SIZE
    bench.echo(64, 101.5)
    bench.look(102.0, 64)
    told = bench.connection.snapshot(0.0)
    assert (told.is_held, told.unread) == (held, 0), "the loop does not want to read it yet"
    bench.look(102.5, 64)
    assert not bench.connection.snapshot(0.0).is_held, "nothing has moved: the peer is the cause"


def test_an_echo_that_was_refused_waits_for_its_turn_once_all_before_it_is_acknowledged() -> None:
    for unacked, held in ((0, True), (64, False)):
        bench = Bench()
        bench.look(101.0, 0)
        bench.connection.machine.receive(frame(bytes(900)), 1000, 101.0)
        bench.connection.offered = True
        bench.connection.eagains += 1
        bench.queues.unread_bytes = READ_SIZE
        bench.echo(64, 101.5)
        bench.look(102.0, unacked)
        assert bench.connection.snapshot(0.0).is_held is held


def test_the_budget_does_not_hold_whose_peer_takes_less_than_it_gets() -> None:
    bench = Bench()
    bench.queues.unread_bytes = READ_SIZE
    bench.look(101.0, 0)
    for now, unacked, held in ((102.0, 64, True), (103.0, 65, False), (104.0, 0, True)):
        bench.echo(64, now - 0.5)
        bench.look(now, unacked)
        assert bench.connection.snapshot(0.0).is_held is held


def test_without_the_kernels_word_only_a_pending_echo_counts() -> None:
    bench = Bench()
    assert bench.look(101.0, None) is None
    bench.connection.machine.receive(frame(bytes(900)), 1000, 101.0)
    bench.connection.begin_stall(101.0)
    bench.echo(0, 101.0)
    queues = bench.look(103.0, None)
    assert queues is not None
    assert (queues.unacked_bytes, queues.in_flight_bytes) == (None, None)


def test_many_are_looked_at_in_several_iterations() -> None:
    bench = Bench()
    for number in range(2, 2 * LOOKS):
        bench.reporter.note_change(Connection(number, number, "peer", 100.0))
    bench.look(101.0, 0)
    assert len(bench.queues.asked) == LOOKS
    assert bench.reporter.next_look == 101.0
    bench.look(101.0, 0)
    assert bench.reporter.next_look == inf


def test_one_that_cannot_be_looked_at_is_handed_back_and_the_others_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench()
    bench.reporter.note_change(Connection(2, 8, "peer", 100.0))
    unacked = bench.queues.unacked

    def breaks(fd: int) -> int | None:
        if fd == 7:
            raise MemoryError
        return unacked(fd)

    monkeypatch.setattr(bench.queues, "unacked", breaks)
    bench.look(101.0, 0)
    assert bench.failed == [bench.connection]
    assert bench.queues.asked == [8]


def test_where_an_iteration_takes_long_all_are_looked_at_in_the_next() -> None:
    bench = Bench()
    for number in range(2, 5 * LOOKS):
        bench.reporter.note_change(Connection(number, number, "peer", 100.0))
    bench.look(101.0, 0)
    bench.look(103.0, 0)
    assert len(bench.queues.asked) == 5 * LOOKS - 1
    assert bench.reporter.next_look == inf


# --- the patience -------------------------------------------------------------------------------


def test_nothing_for_the_patience_is_too_little() -> None:
    known = Outstanding(50.0, 50.0, 0)
    assert known.due(30.0) == 80.0
    assert known.due(0.0) == inf
    known.note_acked(10**6, 70.0, 30.0)
    assert known.due(30.0) == 100.0


def test_a_late_first_look_takes_nothing_from_what_was_acknowledged_before_it() -> None:
    """The process was stopped for 40 s right after a peer's echo began to wait."""
    bench = Bench()
    bench.echo(400_000, 101.0)
    bench.queues.peer = PeerProgress(0.2, 0, 0, 0, 0, False)
    bench.look(141.0, 100_000)
    known = bench.connection.outstanding
    assert known is not None
    known.note_acked(known.acked_bytes + 10, 141.1, 30.0)
    assert known.due(30.0) >= 170.0


@pytest.mark.parametrize("left", [0, 300])
def test_who_has_acknowledged_all_while_the_process_was_stopped_is_timed_from_the_next_write(
    left: int,
) -> None:
    bench = Bench(patience=3.0)
    bench.connection.machine.receive(frame(bytes(896)), 1000, 100.0)
    bench.connection.begin_stall(100.0)
    bench.look(101.0, 10_000)
    bench.connection.machine.sent(900 - left)
    bench.connection.active_at = bench.connection.progress_at = 106.0
    bench.queues.peer = PeerProgress(4.7, 0, 0, 0, 0, False)
    queues = bench.look(106.0, 900 - left)
    known = bench.connection.outstanding
    assert known is not None
    assert known.due(3.0) == 109.0
    assert queues is None or not queues.has_stopped
    bench.look(106.5, 900 - left)
    assert known.due(3.0) == 109.0, "and it is timed from then on"
    assert bench.connection.outstanding is known


@pytest.mark.parametrize(("at", "rested"), [(101.0, 100.0), (110.0, 108.0)])
def test_who_has_fetched_all_while_the_process_was_stopped_rests_from_then_on(
    at: float, rested: float
) -> None:
    bench = Bench()
    bench.queues.peer = PeerProgress(2.0, 0, 0, 0, 0, False)
    bench.look(at, 0)
    assert bench.connection.rested_at == rested


def test_less_than_the_floor_over_the_patience_is_too_little_however_much_came_before() -> None:
    known = Outstanding(50.0, 50.0, 0)
    for second in range(51, 200):
        rate = 20_000 if second <= 100 else RATE_FLOOR // 2
        if known.due(10.0) <= second:
            break
        known.note_acked(known.acked_bytes + rate, float(second), 10.0)
    assert 105 <= second <= 111


def test_a_reader_over_the_floor_is_never_too_slow_though_it_comes_in_steps() -> None:
    known = Outstanding(0.0, 0.0, 0)
    for step in range(1, 200):
        now = step * 6.5
        assert known.due(10.0) > now
        known.note_acked(known.acked_bytes + 130_000, now, 10.0)
    assert len(known.points) < 40
