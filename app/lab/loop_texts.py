"""The words of the scenarios about the loop itself: when it wakes, and who waits for whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .lab_text import LabText

LOOP_TEXTS: Final[Mapping[str, LabText]] = {
    "pollout-always": LabText(
        title="POLLOUT stays registered while there is nothing to send",
        question="Five clients have had their echoes and are silent. The loop has POLLIN and"
        " POLLOUT registered for each of them. How often does poll return in a second?",
        answers=(
            "Not at all: nobody sends anything.",
            "Five times: once for each connection.",
            "As often as the CPU allows.",
        ),
        right_answer=2,
        why="A socket is writable as long as its send buffer has room, which is nearly always."
        " Level-triggered polling reports what is true, not what has changed. So every poll returns"
        " at once with all five connections, and the loop has nothing to send to any of them. It"
        " uses a whole core and serves nobody. The right loop registers POLLOUT only after a send"
        " that was partial or failed with EAGAIN, and removes it when the rest is sent.",
        line="want_writable(): it registers both events in every state.",
        section="10.6, pitfall 2 of 12, 13",
        man="poll(2), epoll(7)",
        label="Polls of an idle server",
        unit="polls a second",
        result="With five idle connections the right server polled {right} times a second, the"
        " wrong one {wrong} times.",
    ),
    "hup-ignored": LabText(
        title="The loop does nothing about POLLHUP and POLLERR",
        question="A client resets its connection. poll reports POLLHUP for it, and the loop"
        " returns, as it can neither read nor write. What does the next poll do?",
        answers=(
            "It waits: POLLHUP has been reported.",
            "It returns at once with the same POLLHUP.",
            "It fails with EBADF: the kernel has closed the descriptor.",
        ),
        right_answer=1,
        why="POLLHUP and POLLERR are reported without being asked for, and they stay true until"
        " the descriptor is closed. A loop that does nothing about them is told again at once. To"
        " close at the first POLLHUP is a mistake too, which the source document makes: bytes that"
        " came before the end may still be there to read. The right loop makes the call that the"
        " state wants. It returns the last bytes, then the error, and then the loop closes.",
        line="serve(): it returns on POLLHUP.",
        section="10.2, pitfall 4 of 12",
        man="poll(2), tcp(7)",
        label="Polls after a reset",
        unit="polls a second",
        result="After a client had reset its connection, the right server polled {right} times a"
        " second, the wrong one {wrong} times.",
    ),
    "eof-ignored": LabText(
        title="recv returns 0, and the loop does not take it for the end",
        question="A client sends its FIN and stays connected. recv returns 0 bytes, and the loop"
        " waits for more. What does it cost?",
        answers=(
            "A whole core: the FIN makes the socket readable for ever.",
            "A descriptor, and nothing else.",
            "One wake-up a second, from TCP keep-alive.",
        ),
        right_answer=0,
        why="The end of a stream is something to read: POLLIN is true, and recv returns 0. That"
        " stays so, since no more bytes can come. A loop that treats 0 as no news polls, reads 0"
        " and polls again. A return of 0 means the end, as long as at least one byte was asked for."
        " The right loop closes then, after it has sent the echoes that it owes.",
        line="recv(): nothing is done about n == 0.",
        section="10.3, 10.4",
        man="recv(2), poll(2)",
        label="Polls after a FIN",
        unit="polls a second",
        result="After the FIN of a client the right server polled {right} times a second, the"
        " wrong one {wrong} times.",
    ),
    "accept-emfile": LabText(
        title="accept fails with EMFILE, and the loop polls the listener again",
        question="The process has no free descriptor, and one client waits to be accepted. How"
        " many calls of accept fail in a second?",
        answers=(
            "One: then the kernel refuses the client.",
            "None: poll does not report a listener that cannot accept.",
            "Hundreds of thousands.",
        ),
        right_answer=2,
        why="accept fails with EMFILE, and the client stays in the queue of the listener. So the"
        " listener stays readable, poll returns at once, and accept fails again. All other"
        " connections have to share the CPU with that. The right loop stops polling the listener"
        " until a descriptor is free again. The product's server pauses it and tries"
        " again about once a second. In both, the client is served later and nothing is lost.",
        line="accept_all(): after EMFILE it returns, and the listener stays registered.",
        section="10.1",
        man="accept(2), getrlimit(2)",
        label="Failed accepts, without a free descriptor",
        unit="failed accepts a second",
        result="While no descriptor was free, {right} accepts a second failed in the right server,"
        " {wrong} in the wrong one.",
    ),
    "head-of-line": LabText(
        title="One socket is blocking: a client with half a frame stops all others",
        question="A client has sent its header and not yet its body. Another client sends a whole"
        " frame. The loop uses poll, but its client sockets are blocking. When does the second"
        " client get its echo?",
        answers=(
            "At once: poll says which socket is ready.",
            "When the first client sends its body.",
            "When poll reaches its time-out.",
        ),
        right_answer=1,
        why="poll said that the first socket was readable, and that was true for the header. The"
        " loop then asks for the body in the same turn. Nothing is there, so a blocking recv waits,"
        " and with it the only thread. No other connection is served until the first client goes"
        " on: it may never do so. On a non-blocking socket the same recv fails with EAGAIN, the"
        " loop keeps its offsets and goes to the next connection.",
        line="add_client(): sock.setblocking(False) is missing.",
        section="1.1, 1.2, 2.1, 2.2",
        man="recv(2), fcntl(2) with O_NONBLOCK",
        label="Echo beside a client that has sent half a frame",
        unit="ms",
        result="Beside a client that had sent half a frame, an echo took {right} ms in the right"
        " server. In the wrong one it took {wrong} ms, because the client went on after a second.",
    ),
    "eagain": LabText(
        title="The listener is blocking: accept waits where it should fail with EAGAIN",
        question="Five clients connect and send a frame each. The loop accepts in a loop until"
        " EAGAIN, but the listener is blocking. How many clients get their echo?",
        answers=(
            "All five.",
            "Four: the last one waits for a sixth.",
            "None.",
        ),
        right_answer=2,
        why="To accept until EAGAIN is right, and so to read and to write. But only a non-blocking"
        " socket ever says EAGAIN. On a blocking listener the call after the last client waits for"
        " one more client. When that one connects it is accepted, and accept waits again. The loop"
        " never comes back to poll, and nobody is served. EAGAIN is not an error. It is"
        " the answer that lets a loop leave a descriptor and go on.",
        line="__init__(): self.lfd.setblocking(False) is missing.",
        section="2.1, 2.2, 10.1",
        man="accept(2), fcntl(2) with O_NONBLOCK",
        label="Clients without an echo, of five",
        unit="clients",
        result="Of five clients, {right} had no echo after a second from the right server, {wrong}"
        " from the wrong one.",
    ),
    "thread-each": LabText(
        title="A thread for each connection, in place of a loop",
        question="500 clients are connected and mostly silent. A server starts a thread for each"
        " connection. How many threads does it have, and how many does the loop need?",
        answers=(
            "501, and the loop needs 1.",
            "As many as the machine has cores, and the loop 1.",
            "500, and the loop 500: the kernel makes them.",
        ),
        right_answer=0,
        why="A thread that waits in a blocking recv does nothing, and still it has a stack, an"
        " entry in the scheduler and a place under the limit of processes. When many clients send"
        " at once, the kernel switches between hundreds of threads, and whatever they"
        " share needs locks. A loop remembers in a few fields of Conn what a thread keeps on its"
        " stack.",
        line="add_client(): it starts a thread, which runs serve_alone().",
        section="1.1, 1.2, 14.3",
        man="pthread_create(3), clone(2)",
        label="Threads that serve",
        unit="threads",
        result="Beside {extra} connections the right server had {right} thread that served, the"
        " wrong one {wrong}.",
    ),
    "slow-callback": LabText(
        title="A slow function is called in the loop's thread",
        question="One client's frame makes the server call a function that takes 0.3 s. Nobody"
        " else's frame does. How long does another client wait for its echo meanwhile?",
        answers=(
            "Not at all: its socket is non-blocking.",
            "Up to 0.3 s.",
            "Its echo is lost.",
        ),
        right_answer=1,
        why="A loop serves one connection after the other, in one thread. Sockets that do not"
        " block are no help if something else does: a log on a slow disk, a name server, a long"
        " computation. Until it returns, poll is not called. The right server does the same work"
        " for the same frames, but an observer does it in a thread of its own, which takes events"
        " from a bounded queue.",
        line="advance(): sleep() stands for the callback, 10 microseconds a byte.",
        section="1.2, 14.3",
        man="poll(2), pthreads(7)",
        label="Echo beside a slow callback",
        unit="ms",
        result="While another client's frame took 0.3 s of work, an echo took {right} ms in the"
        " right server, {wrong} ms in the wrong one.",
    ),
    "drain-without-budget": LabText(
        title="The loop drains one connection until EAGAIN, however long that takes",
        question="A client sends small frames without a pause and reads its echoes. The loop"
        " serves it until recv fails with EAGAIN. When is another client's frame echoed?",
        answers=(
            "When the busy client pauses.",
            "Next: poll puts connections in a fair order.",
            "After 64 frames of the busy client.",
        ),
        right_answer=0,
        why="To drain a socket is the usual advice, and it assumes that the socket becomes empty. A"
        " client that sends as quickly as the loop reads keeps it full. The loop then stays"
        " with that client, and all others wait. The right loop does a bounded amount for each"
        " connection in each turn. With level-triggered polling nothing is lost by stopping early:"
        " the next poll reports what is left.",
        line="serve(): while True around advance().",
        section="3.2, 13",
        man="epoll(7), on starvation",
        label="Echo beside a client that never pauses, median",
        unit="ms",
        result="Beside a client that sent without a pause, an echo took {right} ms in the right"
        " server, {wrong} ms in the wrong one (medians; the worst was {extra} ms).",
    ),
    "nodelay": LabText(
        title="TCP_NODELAY is missing: the second of two small echoes waits",
        question="A client sends two small frames together and waits for both echoes. The server"
        " writes each echo with a send of its own, without TCP_NODELAY. How long does it take on"
        " the loopback device?",
        answers=(
            "Some microseconds: there is no network in between.",
            "About 40 ms.",
            "About 200 ms, until a retransmission.",
        ),
        right_answer=1,
        why="Nagle's algorithm keeps a small segment back while an earlier one is not"
        " acknowledged. The client acknowledges late, by up to 40 ms, because it hopes to send"
        " the acknowledgement with data of its own. It has nothing to send, as it waits for the"
        " second echo. Each side waits for the other until the client's timer ends that."
        " TCP_NODELAY turns Nagle's algorithm off. To write both echoes with one send helps too.",
        line="add_client(): setsockopt(TCP_NODELAY) is missing.",
        section="16",
        man="tcp(7)",
        label="Two small echoes, median",
        unit="ms",
        result="Two small frames that were sent together were echoed in {right} ms by the right"
        " server, in {wrong} ms by the wrong one (medians).",
    ),
    "o-of-n": LabText(
        title="poll(2) in place of epoll, with thousands of idle connections",
        question="4,000 connections are idle, one sends a small frame now and then. How much more"
        " CPU does an echo cost with poll(2) than with epoll?",
        answers=(
            "About the same: only one connection is ready.",
            "Twice as much.",
            "About a hundred times as much.",
        ),
        right_answer=2,
        why="poll(2) is given the whole set at each call. The kernel asks every descriptor in it"
        " whether it is ready, and the program then looks through all results: both grow with the"
        " number of connections, also if one alone is ready. epoll keeps the set in the kernel. A"
        " descriptor that becomes ready is put on a list, and only that list is returned. select(2)"
        " has the cost of poll, and refuses every descriptor from FD_SETSIZE (1,024) on.",
        line="__init__(): select.poll() in place of select.epoll().",
        section="4.1, 4.2, 14.1",
        man="poll(2), select(2), epoll(7)",
        label="CPU of an echo beside idle connections, median",
        unit="microseconds",
        result="Beside thousands of idle connections an echo took {right} microseconds of CPU with"
        " epoll, {wrong} with poll(2).",
    ),
}
