"""The cases that `check server` plays against a server that echoes length-prefixed frames.

Each is one function of a `Target`: it returns if all is well, and raises `Wrong` with what it saw,
or `NotPossible` if the case cannot be met. Section numbers are the source document's.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from ..core.framing import HEADER_SIZE, frame, header
from ..core.settings import KIB, MIB
from ..core.words.language import compose
from .server_process import count_steady_descriptors, expect_given_back, rest_quietly
from .server_target import NotPossible, Peer, Sign, Target, Wrong

STORM: Final = 200
"""Connections that are open at once."""
UNREAD: Final = 24 * MIB
"""Bytes of frames that are sent while no echo is read, at the most."""
PENDING: Final = 12 * MIB
"""Bytes of frames before the end of our direction: more than the kernels hold, so that some of the
echo is pending at the server."""
REST: Final = 0.2
"""Seconds for which a peer rests between its end and its first read."""
QUICK: Final = 1.0
"""Seconds within which a quick client is answered beside a slow one."""
IDLE: Final = 2.0
"""Seconds of the shortened idle minute."""
LEAST_CAP: Final = 65_535
"""Bytes of a body that every server takes: the most that a length of 2 bytes can say."""


class ServerCase(NamedTuple):
    """One case."""

    name: str
    meets: str
    """The peers that the server meets, in words."""
    section: str
    """The section of the source document that explains it."""
    bugs: Mapping[Sign, str]
    """The likely bug of a server that fails, by the way in which it does; no other is named."""
    play: Callable[[Target], None]


def _echo(target: Target) -> None:
    with target.connect() as peer:
        for size in (1, 5, 60, 1000):
            peer.exchange(target.frame(size))


def _sizes(target: Target) -> None:
    with target.connect() as peer:
        for power in range(17):
            for size in ((1 << power) - 1, 1 << power, (1 << power) + 1):
                if size and target.fit(size) == size:
                    _exchange_within_cap(target, peer, size)


def _exchange_within_cap(target: Target, peer: Peer, size: int) -> None:
    """Exchange a frame that may be over a CAP that nobody has told."""
    try:
        peer.exchange(frame(target.rng.randbytes(size)))
    except Wrong as wrong:
        if wrong.sign is Sign.ENDED and target.cap is None and size > LEAST_CAP:
            raise NotPossible(
                "it ended at a body of {size:,} bytes: if that is over its CAP, give --cap",
                size=size,
            ) from None
        raise


def _single_bytes(target: Target) -> None:
    with target.connect() as peer:
        sent = target.frame(40) * 2
        for byte in sent:
            peer.send(bytes((byte,)))
            time.sleep(0.002)
        peer.expect(sent)


def _cut_headers(target: Target) -> None:
    with target.connect() as peer:
        sent = target.frame(60)
        for cut in (1, 2, 3, HEADER_SIZE, HEADER_SIZE + 1):
            peer.send(sent[:cut])
            time.sleep(0.02)
            peer.send(sent[cut:])
            peer.expect(sent)


def _behind_a_frame(target: Target) -> None:
    with target.connect() as peer:
        one, two = (target.frame(50) for _ in range(2))
        peer.send(one + two[:3])
        peer.expect(one)
        time.sleep(0.02)
        peer.send(two[3:])
        peer.expect(two)


def _empty_frame(target: Target) -> None:
    with target.connect() as peer:
        peer.exchange(frame(b""))
        peer.exchange(target.frame(9))
        peer.exchange(frame(b"") * 3 + target.frame(1))


def _large(target: Target) -> None:
    with target.connect() as peer:
        size = MIB if target.cap is None else min(MIB, target.cap - target.cap // 8)
        _exchange_within_cap(target, peer, size)


def _pipelined(target: Target) -> None:
    with target.connect() as peer:
        sizes = (target.fit(target.rng.randrange(1, 300)) for _ in range(300))
        peer.exchange(b"".join(frame(target.rng.randbytes(size)) for size in sizes))


def _without_reading(target: Target, size: int = 16 * KIB) -> None:
    with target.connect() as peer:
        sent = peer.send_unread(target.frame(size), UNREAD)
        peer.exchange_rest(sent)


def _half_close(target: Target) -> None:
    few = b"".join(target.frame(500) for _ in range(20))
    many = target.frame(64 * KIB)
    for sent in (few, many * (PENDING // len(many))):
        _end_ours(target, sent)


def _end_ours(target: Target, sent: bytes) -> None:
    with target.connect() as peer:
        peer.send_reluctantly(sent)
        peer.shut_down()
        time.sleep(REST)  # the end is read while some of the echo is pending
        peer.expect(sent, "after its peer had ended its own direction (FIN)")
        peer.expect_end("after all echoes of a peer that has ended")


def _cap(target: Target) -> None:
    cap = target.known_cap
    with target.connect() as peer:
        peer.exchange(frame(target.rng.randbytes(cap)))


def _over_cap(target: Target) -> None:
    cap = target.known_cap
    with target.connect() as peer:
        peer.exchange(target.frame(5))
        peer.send(header(cap + 1) + bytes(min(cap + 1, 64 * KIB)))
        peer.expect_end(
            compose("after a header that announces {size:,} bytes, one over the CAP", size=cap + 1)
        )


def _huge_length(target: Target) -> None:
    with target.connect() as peer:
        peer.send(header(0xFFFF_FFFF) + b"x")
        if target.cap is not None:
            peer.expect_end("after a header that announces 4 GiB")
    _echo(target)


def _slow_reader(target: Target) -> None:
    with target.connect() as slow, target.connect() as quick:
        sent = slow.send_unread(target.frame(64 * KIB), UNREAD)
        for _ in range(20):
            began = time.monotonic()
            quick.exchange(target.frame(5))
            took = time.monotonic() - began
            if took > QUICK:
                raise Wrong(
                    "a quick client waited {seconds:.1f} s beside one that does not read",
                    Sign.SLOW,
                    seconds=took,
                )
        slow.exchange_rest(sent)  # closed with unread bytes, it would be a reset


def _apart(target: Target) -> None:
    for pings in (0, 2):
        with contextlib.ExitStack() as stack:
            peers = [stack.enter_context(target.connect()) for _ in range(10)]
            other = stack.enter_context(target.connect())
            sent = [target.frame(200) for _ in peers]
            for peer, one in zip(peers, sent, strict=True):
                peer.send(one[:70])
            time.sleep(0.02)
            for _ in range(pings):  # a loop that has served this one has read those parts
                other.exchange(target.frame(8))
            for peer, one in zip(peers, sent, strict=True):
                peer.send(one[70:])
            for peer, one in zip(reversed(peers), reversed(sent), strict=True):
                peer.expect(one)


def _reset_in_the_middle(target: Target) -> None:
    with target.connect() as other, target.connect() as waiting:
        waits = b""
        with contextlib.suppress(Wrong):  # a server that fails in this alone fails in that case
            _without_reading(target, 64 * KIB)
            waits = waiting.send_unread(target.frame(64 * KIB), UNREAD)
        for cut in (2, HEADER_SIZE, 30):
            with target.connect() as peer:
                peer.send(target.frame(100)[:cut])
                time.sleep(0.02)
                peer.reset()
        with target.connect() as peer:  # and inside its echo
            with contextlib.suppress(Wrong):  # what becomes of this one is not to be seen
                peer.send_unread(target.frame(64 * KIB), MIB)
            peer.reset()
        if waits:  # its echo was pending meanwhile
            waiting.exchange_rest(waits)
        other.exchange(target.frame(11))
    _echo(target)


def _end_in_the_middle(target: Target) -> None:
    for cut in (2, -1):
        with target.connect() as peer:
            peer.send(target.frame(100)[:cut])
            peer.shut_down()
            peer.expect_end("after the end of a peer inside a frame")
    _echo(target)


def _leaves_unread(target: Target) -> None:
    """After the peer's FIN an RST makes the next write EPIPE, and not ECONNRESET (Linux)."""
    few, large = b"".join(target.frame(20) for _ in range(40)), target.frame(64 * KIB)
    many = large * (PENDING // len(large))
    for sent in (few, many):
        with target.connect() as other:
            # Not to be seen here: what a server makes of so many frames.
            with target.connect() as peer, contextlib.suppress(Wrong):
                peer.send_reluctantly(sent)
                peer.shut_down()
                if sent is many:
                    time.sleep(REST)  # the end is read while some of the echo is pending
            time.sleep(REST)
            other.exchange(target.frame(11))
    _echo(target)


def _storm(target: Target) -> None:
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(target.connect()) for _ in range(STORM)]
        sent = [target.frame(8) for _ in peers]
        ended = 0
        for peer, one in zip(peers, sent, strict=True):
            try:
                peer.send(one)
                peer.expect(one)
            except Wrong as wrong:
                if wrong.sign is not Sign.ENDED:
                    raise
                ended += 1
        if ended:
            raise NotPossible(
                "it ended {ended} of {count} connections: it seems to allow no more at once",
                ended=ended,
                count=STORM,
            )


def _idle(target: Target) -> None:
    with target.connect() as peer:
        peer.exchange(target.frame(6))
        time.sleep(IDLE)
        peer.exchange(target.frame(5))


def _pending_cpu(target: Target) -> None:
    process = target.process
    with target.connect() as peer:
        sent = peer.send_unread(target.frame(64 * KIB), UNREAD)
        rest_quietly(process, "while its peer reads nothing and has sent more")
        peer.exchange_rest(sent)


def _idle_cpu(target: Target) -> None:
    process = target.process
    with target.connect() as peer:
        sent = peer.send_unread(target.frame(64 * KIB), UNREAD)
        peer.exchange_rest(sent)
        rest_quietly(process, "while nothing happens, after a slow reader has read all")


def _given_back(target: Target) -> None:
    process = target.process
    before, memory = count_steady_descriptors(process), process.memory_info().rss
    with contextlib.suppress(NotPossible):
        _storm(target)
    with target.connect() as peer:
        peer.send_unread(target.frame(64 * KIB), UNREAD)
        peer.reset()
    expect_given_back(process, before, memory)


def _by(bug: str, *signs: Sign) -> dict[Sign, str]:
    return dict.fromkeys(signs, bug)


_LOST: Final = (Sign.BYTES, Sign.ENDED, Sign.SILENT)
"""Ways in which an echo may be lost."""

SERVER_CASES: Final = (
    ServerCase("echo", "frames one after the other", "5.2",
               _by("it does not echo header and body as they were", Sign.BYTES), _echo),
    ServerCase("idle", f"a connection that rests for {IDLE:g} s", "14.2",
               _by("its time-out is shorter than a moment's rest", Sign.ENDED), _idle),
    ServerCase("sizes", "bodies of every size around the powers of two, to 64 KiB", "10.4",
               _by("it counts a length wrong at some size", *_LOST), _sizes),
    ServerCase("single_bytes", "frames that come byte by byte", "5.1",
               _by("it takes what one recv returns for a whole header or body", *_LOST),
               _single_bytes),
    ServerCase("cut_headers", "frames in two pieces, cut in and behind the header", "10.3",
               _by("it does not keep what has come of a header", *_LOST), _cut_headers),
    ServerCase("behind_a_frame", "the start of a frame in one segment with the frame before", "5.1",
               _by("it throws away what stands behind a frame in its buffer", *_LOST),
               _behind_a_frame),
    ServerCase("empty_frame", "frames with a body of 0 bytes", "10.4",
               _by("it calls recv for 0 bytes, which returns 0, and takes that for the end",
                   Sign.ENDED)
               | _by("it waits for a byte of a body that has none", Sign.SILENT), _empty_frame),
    ServerCase("apart", "ten peers whose frames come in turns", "8.1",
               _by("its connections share a buffer", Sign.BYTES, Sign.ENDED)
               | _by("it serves one connection at a time, or does not accept all that wait",
                     Sign.SILENT), _apart),
    ServerCase("large_frame", "a body of 1 MiB", "10.5",
               _by("it ignores that send takes a part of an echo", *_LOST), _large),
    ServerCase("pipelined", "300 frames that are sent at once", "5.1",
               _by("it loses what is behind the first frame of a read", *_LOST), _pipelined),
    ServerCase("pipelined_unread", "frames as far as it takes them, with no echo read", "10.6",
               _by("it loses echoes that the kernel does not take at once", *_LOST),
               _without_reading),
    ServerCase("half_close", "a peer that ends its direction and still reads", "10.4",
               _by("it drops echoes that are pending when recv returns 0", *_LOST)
               | _by("it does not close once its peer has ended and has its echo", Sign.NO_END),
               _half_close),
    ServerCase("cap", "a body of exactly the CAP", "12.5",
               _by("it refuses a length that is allowed", Sign.ENDED), _cap),
    ServerCase("over_cap", "a header that announces one byte over the CAP", "12.5",
               _by("it does not bound the length, and a peer can take all its memory",
                   Sign.NO_END, Sign.BYTES), _over_cap),
    ServerCase("huge_length", "a header that announces 4 GiB", "12.5",
               _by("it makes room for what is announced, or reads the length as a negative number",
                   Sign.NO_END, Sign.REFUSED), _huge_length),
    ServerCase("slow_reader", "a peer that reads nothing, beside a quick one", "1.2",
               _by("it blocks in send, so that one peer holds up all", Sign.SLOW, Sign.SILENT),
               _slow_reader),
    ServerCase("reset_in_the_middle", "peers that reset inside a frame and inside an echo", "10.2",
               _by("it ends at ECONNRESET", Sign.REFUSED, Sign.ENDED), _reset_in_the_middle),
    ServerCase("leaves_unread", "peers that close and leave their echoes unread", "10.2",
               _by("it ends by SIGPIPE, or at EPIPE", Sign.REFUSED, Sign.ENDED), _leaves_unread),
    ServerCase("end_in_the_middle", "peers that end inside a frame", "10.4",
               _by("it waits for ever for the rest", Sign.NO_END), _end_in_the_middle),
    ServerCase("connect_storm", f"{STORM} connections at once", "10.1",
               _by("it accepts one connection for each readiness, or has too short a queue",
                   Sign.REFUSED, Sign.SILENT), _storm),
    ServerCase("pending_cpu", "a peer that reads nothing and sends on (--pid)", "10.6",
               _by("it leaves POLLIN on while an echo is pending", Sign.BUSY), _pending_cpu),
    ServerCase("idle_cpu", "nothing, after a slow reader has read all (--pid)", "12.2",
               _by("it leaves POLLOUT on", Sign.BUSY), _idle_cpu),
    ServerCase("given_back", "peers that have left (--pid)", "10.2",
               _by("it does not close descriptors, or keeps their buffers", Sign.KEPT),
               _given_back),
)  # fmt: skip
"""In the order in which they are played: what shows one bug comes before what shows several."""
