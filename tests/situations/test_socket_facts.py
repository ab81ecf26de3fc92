"""The ground truth itself: what ss(8) printed of known sockets, and the code that follows."""

from __future__ import annotations

from tests.situations.socket_facts import SocketFacts, parse_ss
from tests.situations.true_codes import Sample, true_code, true_codes, whole_frames

CLOSED_WINDOW = """\
ESTAB 958230 3814079 127.0.0.1:9000 127.0.0.1:41000 timer:(persist,3.2sec,0) ino:77 sk:5
\t skmem:(r0,rb131072,t0,tb2626560,f0,w0,o0,bl0,d0) ts sack cubic wscale:10,10 rto:204 backoff:4
 rtt:0.05/0.02 mss:32768 cwnd:10 bytes_sent:70000 bytes_acked:70000 bytes_received:5000000
 lastsnd:1200 lastrcv:900 lastack:800 notsent:3814079 minrtt:0.01 snd_wnd:0
"""
VANISHED = """\
ESTAB 0 8118 127.0.0.1:9000 127.0.0.1:41000 timer:(on,1.3sec,4) ino:78 sk:6
\t skmem:(r0,rb131072,t0,tb87040,f0,w0,o0,bl0,d0) ts sack cubic rto:3264 backoff:4 mss:32768
 cwnd:1 bytes_sent:40590 bytes_retrans:32472 bytes_acked:100 bytes_received:8218 unacked:1
 retrans:1/4 lost:1 lastsnd:1100 lastrcv:5000 lastack:5148 snd_wnd:65536
"""


def _frames(*sizes: int) -> tuple[tuple[int, int], ...]:
    return tuple((size, 1) for size in sizes)


def _samples(text: str, *layout: int, received: int = 0) -> list[Sample]:
    facts = parse_ss(text)
    return [Sample(t, facts, received, _frames(*layout)) for t in (0.0, 1.0, 2.0)]


def test_the_fields_of_ss_are_read() -> None:
    facts = parse_ss(VANISHED)
    assert facts is not None
    assert (facts.send_q, facts.in_flight, facts.notsent) == (8118, 8118, 0)
    assert (facts.timer, facts.timer_tries, facts.retrans) == ("on", 4, 1)
    assert (facts.bytes_acked, facts.bytes_received, facts.lastack) == (100, 8218, 5148)
    assert parse_ss("") is None


def test_codes_follow_from_what_ss_says() -> None:
    pending = (4_000_000, 1_000_000)
    assert true_code(_samples(CLOSED_WINDOW, *pending)) == "window_closed"
    assert true_code(_samples(CLOSED_WINDOW, 70_000, 3_000_000, 2_000_000)) == "not_fetched"
    assert true_code(_samples(VANISHED, 100, 8118)) == "does_not_answer"
    assert true_code([Sample(0.0, None, 0, ())]) == "closed"


def test_a_peer_that_reads_on_reads_slowly() -> None:
    facts = parse_ss(CLOSED_WINDOW)
    reads = [Sample(t, facts, int(t * 1000), _frames(4_000_000)) for t in (0.0, 1.0, 2.0)]
    assert true_code(reads) == "reads_slowly"


def _idle(received: int, state: str = "ESTAB", send_q: int = 0) -> SocketFacts:
    return SocketFacts(state, 0, send_q, "", 0, 0, 0, received, 0, 0, 0, 65536, 10, 77)


def test_the_place_in_the_frame_is_counted_from_the_client_s_frames() -> None:
    layout = _frames(104, 1004)
    expected = {
        0: "no_bytes_yet",
        104: "between_frames",
        106: "needs_header",
        108: "needs_body",
        1107: "needs_body",
        1108: "between_frames",
    }
    found = {}
    for received in expected:
        facts = _idle(received)._replace(bytes_acked=0 if received < 104 else 104)
        facts = facts._replace(bytes_acked=1108 if received == 1108 else facts.bytes_acked)
        found[received] = true_code([Sample(0.0, facts, 0, layout)])
    assert found == expected


def test_the_end_is_told_by_the_socket_s_state() -> None:
    layout = _frames(104)
    for state, send_q, code in (
        ("LAST-ACK", 5000, "draining_unacknowledged"),
        ("FIN-WAIT-1", 1, "draining_peer"),
        ("FIN-WAIT-2", 0, "draining_peer"),
    ):
        facts = _idle(104, state, send_q)
        assert true_code([Sample(0.0, facts, 0, layout)]) == code
        assert true_code([Sample(0.0, facts._replace(inode=0), 0, layout)]) == "closed"


def test_frames_in_a_row_are_counted_at_once() -> None:
    layout = ((5, 1000), (104, 2))
    assert [whole_frames(layout, read) for read in (4, 5, 4_999, 5_103, 5_104, 9_999)] == [
        0, 5, 4_995, 5_000, 5_104, 5_208,
    ]  # fmt: skip


def test_input_that_waits_all_the_time_is_held_if_it_is_read_and_else_the_server_is_behind() -> (
    None
):
    for step, code in ((50_000, "held_by_budget"), (0, "server_behind")):
        looks = [
            _idle(10_000 + n * step)._replace(recv_q=9_000, bytes_acked=1_000) for n in range(4)
        ]
        samples = [Sample(float(n), facts, 0, ((1_000, 10**6),)) for n, facts in enumerate(looks)]
        assert true_codes(samples) == {code}


def test_between_the_two_gaps_nobody_can_say() -> None:
    facts = parse_ss(CLOSED_WINDOW)
    assert facts is not None
    before = facts._replace(bytes_acked=60_000)
    samples = [Sample(t, before if t < 1 else facts, 0, _frames(4_000_000)) for t in (0, 1, 2, 2.5)]
    assert true_codes(samples) == {"reads_slowly", "window_closed"}
