"""Each figure and each kind of event in one sentence, for `?` on the screen. No Textual.

Beside the sentence stand the section of the source document and the manual page to read on in.
Columns, the figures of the header, the kinds of events (`JournalEntry.kind`), close reasons,
states and codes of `why` are walked by a test: a new one without its sentence fails it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

from ..core.events import ConnectionState, Reason
from ..core.words.language import compose
from .document_names import DOCUMENT_NAMES
from .why import WhyCode


class Explanation(NamedTuple):
    """The meaning of one figure or one kind of event."""

    text: str
    """One sentence."""
    section: str
    """The section of the source document, such as ``10.6``."""
    manual: str
    """The manual page, such as ``send(2)``."""
    named: str = ""
    """The source document's name of it, such as ``len_bytes_read``; empty if it has none."""

    @property
    def place(self) -> str:
        """The section of the source document, with its name there: ``5.2, len_bytes_read``."""
        return f"{self.section}, {self.named}" if self.named else self.section

    @property
    def references(self) -> str:
        """The references to read on in: ``source document §10.6 · man 2 send``."""
        name, section = self.manual.removesuffix(")").split("(")
        return compose(
            "source document §{section} · man {manual} {name}",
            section=self.place,
            manual=section,
            name=name,
        )


Table: TypeAlias = Mapping[str, Explanation]


def _table(*rows: tuple[str, str, str, str]) -> dict[str, Explanation]:
    return {
        name: Explanation(text, section, manual, DOCUMENT_NAMES.get(name, ""))
        for name, text, section, manual in rows
    }


# fmt: off
STATES: Final[Table] = _table(
    (ConnectionState.READ_LEN, "The connection reads the 4 bytes of the next frame's header.",
     "10.3", "recv(2)"),
    (ConnectionState.READ_BODY, "The header is complete, and the connection reads the body whose "
     "length it announced.", "10.4", "recv(2)"),
    (ConnectionState.WRITE_BODY, "The frame is complete, and its echo is being written; nothing "
     "more is read meanwhile.", "10.5", "send(2)"),
    (ConnectionState.DRAINING, "The end is decided: what is pending is still written, then the "
     "peer's FIN is waited for.", "10.2", "shutdown(2)"),
    (ConnectionState.CLOSED, "The descriptor is closed, and the reason is kept for a while.",
     "10.2", "close(2)"),
)
"""By state."""
REASONS: Final[Table] = _table(
    (Reason.EOF, "The peer ended its stream, and not inside a frame; all that it sent was echoed, "
     "unless a fault on purpose held it back.", "10.4", "recv(2)"),
    (Reason.EOF_MID_HEADER, "The peer ended its stream inside the 4 bytes of a header.",
     "10.3", "recv(2)"),
    (Reason.EOF_MID_BODY, "The peer ended its stream before the body was complete.",
     "10.4", "recv(2)"),
    (Reason.RESET, "The peer sent an RST: it closed with unread data, or it died.",
     "10.2", "tcp(7)"),
    (Reason.FRAME_TOO_LARGE, "A header announced a body larger than the CAP: the body is too "
     "large, or these bytes are no header of ours.", "12", "tcp(7)"),
    (Reason.TIMEOUT_HEADER, "A header was begun and not completed within the header time-out.",
     "14.2", "epoll_wait(2)"),
    (Reason.TIMEOUT_BODY, "A body was begun and not completed within the body time-out.",
     "14.2", "epoll_wait(2)"),
    (Reason.TIMEOUT_WRITE, "The peer acknowledged nothing, or too little, of its echo within the "
     "write time-out.", "14.2", "tcp(7)"),
    (Reason.TIMEOUT_IDLE, "No byte moved for the idle time-out.", "14.2", "epoll_wait(2)"),
    (Reason.TIMEOUT_PEER, "The kernel gave up with ETIMEDOUT: retransmissions or probes were never "
     "answered.", "10.2", "tcp(7)"),
    (Reason.UNREACHABLE, "The network answered that the peer cannot be reached.",
     "10.2", "icmp(7)"),
    (Reason.KILLED, "It was ended on purpose: by an operator, on a screen or with ctl kill, or by "
     "a fault (eof, reset).",
     "10.2", "close(2)"),
    (Reason.LIMIT, "It was refused at once because the server, or its address, had all the "
     "connections that it may have.", "10.1", "getrlimit(2)"),
    (Reason.SHUTDOWN, "The server stopped and ended the connection in good order.",
     "10.2", "shutdown(2)"),
    (Reason.ERROR, "A fault of the server itself ended this one connection; the log has the "
     "traceback.", "12", "errno(3)"),
)
"""By close reason."""
WHYS: Final[Table] = _table(
    (WhyCode.NO_BYTES_YET, "It was accepted, and its peer has sent nothing yet.",
     "9.1", "accept(2)"),
    (WhyCode.BETWEEN_FRAMES, "All that was read is echoed and acknowledged: the next frame is "
     "awaited.", "10.3", "recv(2)"),
    (WhyCode.NEEDS_HEADER, "Some of the 4 header bytes are here, and the peer has not sent the "
     "rest.", "10.3", "recv(2)"),
    (WhyCode.NEEDS_BODY, "The header is complete, and a part of the body has not come.",
     "10.4", "recv(2)"),
    (WhyCode.ARMED_FIRST, "In the write mode armed POLLOUT is awaited before the first write: "
     "nothing was offered to the kernel yet.", "10.6", "poll(2)"),
    (WhyCode.READS_SLOWLY, "The peer takes its echo more slowly than we could write it, but it "
     "does take it.", "10.6", "tcp(7)"),
    (WhyCode.WINDOW_CLOSED, "The peer takes nothing, mostly because its receive buffer is full: "
     "the kernel may send nothing, and the echo waits here.", "10.6", "tcp(7)"),
    (WhyCode.DOES_NOT_ANSWER, "What was sent is not acknowledged in spite of retransmissions or "
     "probes: the peer's host, or the way to it, is gone.", "14.2", "tcp(7)"),
    (WhyCode.NOT_FETCHED, "The loop has written everything into the kernel, and the peer takes "
     "nothing of it.", "10.6", "tcp(7)"),
    (WhyCode.SERVER_BEHIND, "Bytes wait in our own receive queue and the loop does not read them: "
     "it is too busy, or it hangs.", "1.2", "recv(2)"),
    (WhyCode.HELD_BY_BUDGET, "It had its share of this iteration, and the others come first.",
     "13", "epoll_wait(2)"),
    (WhyCode.DRAINING_UNACKNOWLEDGED, "The end is decided, and the peer has not acknowledged all "
     "of its echo.", "10.2", "shutdown(2)"),
    (WhyCode.DRAINING_PEER, "We have sent everything and our FIN, and wait for the peer's.",
     "10.2", "shutdown(2)"),
    (WhyCode.HELD, "The loop is held before one of its calls (--step): the kernel goes on, and no "
     "time-out fires.", "9.1", "epoll_wait(2)"),
    (WhyCode.HELD_BY_FAULT, "A fault on purpose (--fault, `ctl fault`) holds its echo back.",
     "10.5", "send(2)"),
    (WhyCode.WORKER_SILENT, "Its loop gives no sign of life, so all that is shown of it is old.",
     "14.3", "sched(7)"),
    (WhyCode.CLOSED, "It has ended; the reason says how.", "10.2", "close(2)"),
)
"""By code of `why`."""
COLUMNS: Final[Table] = _table(
    ("id", "The number of the connection, counted from the server's start and never used again.",
     "8.1", "accept(2)"),
    ("fd", "The file descriptor of the socket; the next connection may get the same one.",
     "9.1", "accept(2)"),
    ("peer", "Address and port at the other end, as accept told them.", "7.1", "getpeername(2)"),
    ("worker", "The number of the process whose loop serves the connection.", "14.3", "socket(7)"),
    ("state", "The state of the frame in flight: READ_LEN, READ_BODY or WRITE_BODY, and DRAINING "
     "or CLOSED at the end.", "5.2", "recv(2)"),
    ("reason", "The one reason why it closed, or is closing.", "10.2", "close(2)"),
    ("header", "How many of the 4 bytes of the length header are read; big-endian, they say how "
     "long the body is.", "5.2", "recv(2)"),
    ("body", "Bytes of the body read so far, of those that the header announced.",
     "10.4", "recv(2)"),
    ("out", "Bytes of the echo that the kernel has accepted, of header and body together.",
     "10.5", "send(2)"),
    ("pollout", "Whether the poller watches for room in the send queue: armed only while an echo "
     "is pending.", "10.6", "poll(2)"),
    ("toggles", "How often POLLOUT was armed or disarmed: twice for each echo that did not fit at "
     "once, and in write mode armed for every one.", "10.6", "epoll_ctl(2)"),
    ("pending", "Bytes of echo that the kernel has not accepted yet: they wait in the server.",
     "10.6", "send(2)"),
    ("unacked", "Bytes that the kernel has accepted and the peer has not acknowledged.",
     "10.6", "tcp(7)"),
    ("in_flight", "The part of the unacknowledged bytes that was sent; the rest waits for the "
     "peer's window.", "10.6", "tcp(7)"),
    ("frames_in", "Frames received whole, header and body.", "5.2", "recv(2)"),
    ("frames", "Frames whose echo the kernel has accepted whole.", "5.2", "send(2)"),
    ("bytes_in", "Bytes received, headers included.", "5.1", "recv(2)"),
    ("bytes_out", "Bytes of echo that the kernel has accepted, headers included.",
     "5.1", "send(2)"),
    ("eagains", "Calls answered with EAGAIN: not now, wait until the poller says so; that is "
     "normal.", "2.2", "send(2)"),
    ("partial_writes", "Writes of which the kernel took only a part; the offset remembers where to "
     "go on.", "5.1", "send(2)"),
    ("rate", "Frames echoed a second, measured over at least a second and at most a minute.",
     "15", "clock_gettime(2)"),
    ("age", "The time since it was accepted.", "14.2", "accept(2)"),
    ("idle", "The time since the server last read or wrote a byte of it, or since the close: "
     "what the kernel still sends from its queue does not count.",
     "14.2", "epoll_wait(2)"),
    ("diagnosis", "The code of what its bytes most probably are, where they do not fit and all of "
     "them are explained.", "12", "tcp(7)"),
    ("notes", "The number of notes about its peer, `!` for one: habits that cost it time or will "
     "stall it.", "12", "tcp(7)"),
    ("fault", "The fault on purpose that it has (--fault, `ctl fault`).", "10.5", "send(2)"),
    ("why_code", "What it waits for, in one word that scripts can rely on.", "10.6", "ss(8)"),
    ("why", "What it waits for, judged by its state and the kernel's queues.", "10.6", "ss(8)"),
)
"""By key of a column of `app.watch.columns`."""
OF_CLOSED: Final[Table] = _table(
    ("detail", "The cause of the close reason in a few words, as the log tells it.",
     "10.2", "close(2)"),
    ("closed_at", "The time at which the connection closed.", "10.2", "close(2)"),
)
"""By key of a column that only closed connections have."""
HEADER: Final[Table] = _table(
    ("address", "The address and port at which the server listens.", "7.2", "listen(2)"),
    ("CAP", "The largest body that is accepted: a header that announces more ends its connection.",
     "6.1", "tcp(7)"),
    ("up", "The time since the server began to listen.", "7.2", "listen(2)"),
    ("poller", "The call that waits for all descriptors at once: epoll, kqueue, poll or select.",
     "3.1", "epoll(7)"),
    ("writes", "The write mode: direct tries to send first and arms POLLOUT for the rest, "
     "armed waits for POLLOUT first.", "10.6", "send(2)"),
    ("pid", "The number of the server's process.", "14.3", "getpid(2)"),
    ("workers", "The number of processes that share the port, each with its own loop.",
     "14.3", "socket(7)"),
    ("listener", "One of the addresses at which the server listens.", "7.2", "listen(2)"),
    ("accepted", "Connections accepted at this address since the start.", "10.1", "accept(2)"),
    ("open", "Connections that are open now.", "9.1", "accept(2)"),
    ("POLLOUT", "Connections with POLLOUT armed: their echo did not fit into the kernel's queue, "
     "or in write mode armed is yet to be written.", "10.6", "poll(2)"),
    ("frames/s", "Frames echoed a second by all connections together.", "15", "send(2)"),
    ("in B/s", "Bytes received a second.", "15", "recv(2)"),
    ("out B/s", "Bytes of echo that the kernel accepts a second.", "15", "send(2)"),
    ("loop", "The share of one core that the loop uses; near 100% it is the bottleneck.",
     "14.3", "getrusage(2)"),
    ("longest", "The longest iteration of the last minute, from the poller's return to the next "
     "poll: every other connection waited so long.", "1.2", "epoll_wait(2)"),
    ("cpu", "CPU time of the whole process, in percent of one core.", "14.3", "getrusage(2)"),
    ("memory", "Memory of the process that is in RAM (RSS).", "1.2", "proc(5)"),
    ("opened", "Connections accepted since the start.", "10.1", "accept(2)"),
    ("drops", "Events that were not told because nobody took them in time; no byte of an echo is "
     "ever dropped.", "1.2", "epoll_wait(2)"),
    ("worker", "One process behind the port: it serves, hangs, or is down.", "14.3", "socket(7)"),
    ("restarts", "How often this worker died and another process took its place.",
     "14.3", "waitpid(2)"),
    ("LIVE", "The screen shows the server as it is now.", "3.1", "epoll(7)"),
    ("PAUSED", "The screen stands still so that it can be read; the server goes on.",
     "3.1", "epoll(7)"),
    ("REC", "Every event is written to a file that replay shows again.", "3.1", "write(2)"),
    ("REPLAY", "The screen shows a recording, not a server.", "3.1", "read(2)"),
    ("STOPPING", "Nothing more is accepted, and what came whole is still echoed.",
     "10.2", "signal(7)"),
    ("STOPPED", "The server has ended, and every connection is closed.", "10.2", "signal(7)"),
    ("GONE", "The server does not answer at present, so all figures are old.", "10.2", "unix(7)"),
    ("DEAD", "The loop has died of a fault of its own, and nothing is echoed any more.",
     "12", "pthreads(7)"),
)
"""By label in the header and in the panel of the workers."""
CHARTS: Final[Table] = {
    "in B/s": HEADER["in B/s"],
    "out B/s": HEADER["out B/s"],
    "frames/s": HEADER["frames/s"],
    **_table(
        ("service time", "From the wake-up that completed a frame to the end of its echo's write, "
         "of all frames of the last minute.", "1.2", "epoll_wait(2)"),
        ("longest iteration", "The longest iteration in each second: every other connection waited "
         "so long.", "1.2", "epoll_wait(2)"),
        ("calls a frame", "System calls of the loop for each frame echoed: read, write, waiting in "
         "the poller, and changes of what it watches (ctl).",
         "9.1", "epoll(7)"),
    ),
    "connections": HEADER["open"],
    "POLLOUT armed": HEADER["POLLOUT"],
    **_table(
        ("CPU loop", "The shares of one core that the loop and the whole process use; the graph is "
         "of the process.", "14.3", "getrusage(2)"),
    ),
    "memory": HEADER["memory"],
}
"""By title of a chart."""
LOOP: Final[Table] = {
    **_table(
        ("iterations/s", "One iteration is one wait in the poller, and everything that it led to.",
         "9.1", "epoll_wait(2)"),
        ("asleep", "The share of its time that the loop slept in the poller, or waited for a CPU "
         "there.", "6.1", "epoll_wait(2)"),
        ("in the poll", "The share of its time that the poller itself took on the CPU: poll and "
         "select look through every descriptor, epoll only through those that are ready.",
         "4.2", "poll(2)"),
        ("serving", "The share of its time that accepting, reading, writing and closing took.",
         "9.1", "epoll_wait(2)"),
        ("telling", "The share of its time in which it told its figures to those who watch.",
         "14.3", "epoll_wait(2)"),
        ("longest", "The longest iteration that was told in the last minute: on the CPU, or "
         "waiting for it, whose it was, and which call took most of it.", "1.2", "epoll_wait(2)"),
        ("IN of IN", "The revents that the poller reported, of the events that it was asked for: "
         "IN is POLLIN, OUT is POLLOUT; ERR and HUP come unasked.", "4.2", "poll(2)"),
        ("woken without progress", "A descriptor was reported and nothing could be done: no byte "
         "moved and nothing was accepted; again and again that makes a loop spin.", "12",
         "epoll(7)"),
        ("call poll", "The wait: it returns the descriptors that are ready, at the latest when the "
         "next deadline comes.", "3.1", "poll(2)"),
        ("call accept", "A listener's accept4(2); at last it says EAGAIN: nobody waits any more.",
         "10.1", "accept(2)"),
        ("call read", "The bytes that read(2) gave; 0 is the end, EAGAIN is nothing for now.",
         "10.3", "read(2)"),
        ("call write", "The bytes that write(2) took; fewer than were offered is a "
         "partial write, and the offset remembers where to go on.", "10.5", "write(2)"),
        ("call watch", "A descriptor is registered with the poller, for POLLIN at first.",
         "9.1", "epoll_ctl(2)"),
        ("call arm", "The interest becomes POLLOUT: an echo is pending, and nothing is read "
         "meanwhile.", "10.6", "epoll_ctl(2)"),
        ("call disarm", "The interest is POLLIN again: the echo is written.",
         "10.6", "epoll_ctl(2)"),
        ("call unwatch", "A descriptor is taken out of the poller, before it is closed or while "
         "only time is waited for.", "10.2", "epoll_ctl(2)"),
        ("call shutdown", "Our FIN by shutdown(2) with SHUT_WR, behind all that was written.",
         "10.2", "shutdown(2)"),
        ("call close", "The end of a descriptor by close(2): it is free again.",
         "10.2", "close(2)"),
    ),
    "calls a frame": CHARTS["calls a frame"],
}
"""By what stands in the pane of the loop."""
GROUPED: Final[Table] = _table(
    ("count", "The connections of the group; by reason the ones that have just closed count too.",
     "9.1", "accept(2)"),
    ("stuck", "Those of them that stand still: a frame that has begun does not go on for a "
     "second, the peer has stopped to take its echo or does not answer, or the server is behind; "
     "one that reads slowly is not stuck.",
     "10.6", "tcp(7)"),
    ("pending", "Bytes of their echoes that the kernel has not accepted yet, in all.",
     "10.6", "send(2)"),
    ("unacked", "Bytes written to them that are not acknowledged, in all.", "10.6", "tcp(7)"),
    ("rate/s", "Frames echoed to them a second, in all.", "15", "send(2)"),
)
"""By title of a figure of a group."""
QUEUES: Final[Table] = _table(
    ("receive queue", "Bytes that the kernel has received and the loop has not read yet.",
     "3.2", "tcp(7)"),
    ("body", COLUMNS["body"].text, "10.4", "recv(2)"),
    ("pending", COLUMNS["pending"].text, "10.6", "send(2)"),
    ("unsent", "Bytes in the kernel's send queue that wait for the peer's window or for the "
     "network.", "10.6", "tcp(7)"),
    ("in flight", "Bytes that were sent and are not acknowledged yet.", "10.6", "tcp(7)"),
    ("acknowledged", "Bytes of echo that the peer's kernel has taken; only these have arrived, "
     "and what is unsent or in flight is unacknowledged.", "10.6", "tcp(7)"),
    ("not read", "Bytes that the peer's kernel has taken and its program has not read; known of "
     "peers on this machine.", "10.6", "sock_diag(7)"),
    ("peer's window", "Bytes that the peer's kernel offers to receive; with 0 its receive buffer "
     "has no room, or too little to be worth a segment.", "10.6", "tcp(7)"),
    ("rtt", "The smoothed round-trip time, from a segment to its acknowledgement.",
     "14.2", "tcp(7)"),
    ("cwnd", "The congestion window: segments that may be in flight at once.", "16", "tcp(7)"),
    ("retrans", "Segments sent again, in all, because no acknowledgement came in time.",
     "14.2", "tcp(7)"),
    ("probes", "Window probes without an answer: with them the kernel asks a peer whose window is "
     "0 whether it has room again.", "14.2", "tcp(7)"),
    ("budget hits", "How often the connection had its share of an iteration and more to do.",
     "13", "epoll_wait(2)"),
    ("POLLOUT", "The last minute: the height of a block is what was pending while POLLOUT was "
     "armed.", "10.6", "poll(2)"),
)
"""By label on the page of a connection."""
NOTES: Final[Table] = _table(
    ("nagle", "Header and body are written apart, and each body comes some 40 ms late: Nagle's "
     "algorithm holds it back until our delayed acknowledgement of the header.", "12", "tcp(7)"),
    ("byte_by_byte", "Frames are written one byte at a time, a system call and often a segment for "
     "each.", "5.1", "send(2)"),
    ("connection_per_frame", "Each frame gets a connection of its own, with a handshake and an "
     "ephemeral port.", "10.1", "connect(2)"),
    ("pipelines_without_reading", "The peer sends on and reads no echo: once all buffers are full, "
     "both sides wait for ever.", "10.6", "tcp(7)"),
    ("empty_frames", "Many frames have a length of 0, which is legal and mostly not meant.",
     "5.2", "send(2)"),
    ("half_counted", "A body is exactly 4 bytes short: the length counts the header, too.",
     "5.2", "recv(2)"),
    ("closes_unread", "The peer closes before it has read its echo, so its kernel sends an RST.",
     "10.2", "close(2)"),
    ("window_closes", "The peer's receive window stays closed: its program does not read.",
     "10.6", "tcp(7)"),
    ("reconnects_fast", "The peer opens a new connection at once after each that failed or brought "
     "nothing.", "10.1", "connect(2)"),
    ("ends_mid_frame", "The peer ends its connections inside a frame, again and again.",
     "10.4", "close(2)"),
)
"""By word of a note about a peer (`app.watch.notes`)."""
EVENTS: Final[Table] = _table(
    ("opened", "A connection was accepted, made non-blocking and registered with the poller.",
     "10.1", "accept(2)"),
    *((f"closed {reason}", *explained[:3]) for reason, explained in REASONS.items()),
    ("state", "A wake-up left the connection in another state than before.", "5.2", "recv(2)"),
    ("POLLOUT armed", "The kernel had no room for all of the echo, or in write mode armed nothing "
     "is written yet: the poller says when there is room.", "10.6", "epoll_ctl(2)"),
    ("POLLOUT disarmed", "The echo is written: an armed POLLOUT would wake the loop for nothing.",
     "10.6", "epoll_ctl(2)"),
    ("read", "One recv: the room that was offered, and the bytes that came.", "5.1", "recv(2)"),
    ("write", "One send that took everything it was given.", "5.1", "send(2)"),
    ("partial write", "One send that took only a part; the rest waits for POLLOUT.",
     "5.1", "send(2)"),
    ("EAGAIN", "The call could do nothing at present and returned at once instead of blocking.",
     "2.2", "errno(3)"),
    ("EOF", "A read returned 0: the peer sends no more, and may still read its echo.",
     "10.4", "recv(2)"),
    ("failed call", "A system call failed for good, and its errno says why.", "10.2", "errno(3)"),
    ("bytes", "The last bytes that one call moved.", "5.1", "recv(2)"),
    ("kernel", "The kernel's own figures of the connection: queues, round-trip time, window.",
     "10.6", "tcp(7)"),
    ("gap", "Some calls of the connection are not shown: they were too many, or nobody watched.",
     "5.1", "recv(2)"),
    ("listening", "The server accepts connections from now on.", "7.2", "listen(2)"),
    ("setting", "A setting was changed at run time, by the process that is named.",
     "6.1", "unix(7)"),
    ("command", "An operator's command was carried out, or refused.", "6.1", "unix(7)"),
    ("info", "The server tells the operator something that needs no action.",
     "6.1", "signal(7)"),
    ("warning", "Something is not as it was asked for, or soon will not be; the server goes on.",
     "12", "getrlimit(2)"),
    ("error", "Something failed and needs an operator; the server goes on if it can.",
     "12", "errno(3)"),
    ("stopping", "The server accepts no more, and echoes what it has received whole.",
     "10.2", "signal(7)"),
    ("stopped", "The loop has ended and every connection is closed.", "10.2", "signal(7)"),
    ("crashed", "The loop died of a fault of its own; the log has the traceback.",
     "12", "pthreads(7)"),
)
"""By `JournalEntry.kind`."""
# fmt: on
