"""The ground truth itself: what ss(8) printed of known sockets, and the code that follows."""

from __future__ import annotations

from tests.situations.socket_facts import SocketFacts, parse_ss
from tests.situations.true_codes import Sample, true_code

CLOSED_WINDOW = """\
ESTAB 958230 3814079 127.0.0.1:9000 127.0.0.1:41000 timer:(persist,3.2sec,0)
\t skmem:(r0,rb131072,t0,tb2626560,f0,w0,o0,bl0,d0) ts sack cubic wscale:10,10 rto:204 backoff:4
 rtt:0.05/0.02 mss:32768 cwnd:10 bytes_sent:70000 bytes_acked:70000 bytes_received:5000000
 lastsnd:1200 lastrcv:900 lastack:800 notsent:3814079 minrtt:0.01 snd_wnd:0
"""
VANISHED = """\
ESTAB 0 8118 127.0.0.1:9000 127.0.0.1:41000 timer:(on,1.3sec,4)
\t skmem:(r0,rb131072,t0,tb87040,f0,w0,o0,bl0,d0) ts sack cubic rto:3264 backoff:4 mss:32768
 cwnd:1 bytes_sent:40590 bytes_retrans:32472 bytes_acked:100 bytes_received:8218 unacked:1
 retrans:1/4 lost:1 lastsnd:1100 lastrcv:5000 lastack:5148 snd_wnd:65536
"""


def _samples(text: str, *layout: int, received: int = 0) -> list[Sample]:
    facts = parse_ss(text)
    return [Sample(t, facts, received, layout) for t in (0.0, 1.0, 2.0)]


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
    reads = [Sample(t, facts, int(t * 1000), (4_000_000,)) for t in (0.0, 1.0, 2.0)]
    assert true_code(reads) == "reads_slowly"


def _idle(received: int, state: str = "ESTAB", send_q: int = 0) -> SocketFacts:
    return SocketFacts(state, 0, send_q, "", 0, 0, 0, received, 0, 0, 0, 65536, 10)


def test_the_place_in_the_frame_is_counted_from_the_client_s_frames() -> None:
    layout = (104, 1004)
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
    layout = (104,)
    for state, send_q, code in (
        ("LAST-ACK", 5000, "draining_unacknowledged"),
        ("FIN-WAIT-1", 1, "draining_peer"),
        ("FIN-WAIT-2", 0, "draining_peer"),
    ):
        assert true_code([Sample(0.0, _idle(104, state, send_q), 0, layout)]) == code
