"""The words of the scenarios about bytes: lost, mixed up, kept back, or too many of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .lab_text import LabText

BYTE_TEXTS: Final[Mapping[str, LabText]] = {
    "partial-ignored": LabText(
        title="send takes a part of an echo, and the rest is forgotten",
        question="A client sends twelve frames of 1 MiB and reads slowly. The server calls send"
        " once for each echo and does not look at the result. What does the client get?",
        answers=(
            "All of it, later: the kernel keeps what send was given.",
            "Less than it sent, without any error.",
            "An error: send raises one if it cannot take all.",
        ),
        right_answer=1,
        why="A non-blocking send takes what the send buffer has room for and returns how much"
        " that was. Less than all is no error. Whoever does not look at the result loses the rest,"
        " and no side is told. The client reads the next header where the middle of a body should"
        " be, so every later frame is wrong too. The right loop adds the result to out_bytes_sent"
        " and sends the rest when POLLOUT comes.",
        line="advance(): the result of send() is not used.",
        section="5.1, 10.5, pitfall 3 of 12",
        man="send(2)",
        label="Missing of 12.6 MB of echoes",
        unit="MB",
        result="Of 12.6 MB of echoes, {right} MB were missing from the right server, {wrong} MB"
        " from the wrong one.",
    ),
    "edge-no-drain": LabText(
        title="Edge-triggered, and only one frame is read at each event",
        question="A client sends 100 small frames with one send. The loop is registered with"
        " EPOLLET and serves one frame at each event. How many echoes come?",
        answers=("All 100.", "50.", "One."),
        right_answer=2,
        why="Edge-triggered polling reports that something has arrived, once. It does not report"
        " that something is still there. All 100 frames arrived together, so there is one event,"
        " and 99 frames stay in the receive buffer until the client sends more. With EPOLLET a loop"
        " has to read until EAGAIN, or remember by itself that it has not. Level-triggered polling"
        " would have reported the rest again and again.",
        line="add_client(): EPOLLET, while advance() reads one frame.",
        section="4.3, 13",
        man="epoll(7)",
        label="Frames without an echo, of a hundred",
        unit="frames",
        result="Of a hundred frames that were sent at once, {right} had no echo from the right"
        " server, {wrong} from the wrong one.",
    ),
    "shared-buffer": LabText(
        title="All connections read into one buffer",
        question="Two clients each send half of a body, then the other half. The server has one"
        " static buffer for bodies. What does the first client get?",
        answers=(
            "Its own bytes: the loop serves one client at a time.",
            "Bytes of the other client.",
            "Nothing: the server notices and closes.",
        ),
        right_answer=1,
        why="One thread does serve one client at a time, but a frame takes several turns. Between"
        " two of them other connections are served, and each writes to the same buffer. So a client"
        " gets bytes that somebody else has sent, perhaps a password. Everything that must live"
        " longer than one turn belongs to the connection. A buffer may be shared only if it is"
        " empty whenever the loop goes on to the next connection.",
        line="advance(): in_body is a part of BUFFER, which all connections share.",
        section="8.1",
        man="recv(2)",
        label="Wrong echoes, of 40 clients",
        unit="clients",
        result="Of 40 clients whose halves came in turn, {right} got a wrong echo from the right"
        " server, {wrong} from the wrong one.",
    ),
    "zero-length": LabText(
        title="An empty frame is taken for the end of the stream",
        question="A client sends a hundred frames at once, and the 41st has a body of 0 bytes. The"
        " server asks recv for the 0 bytes that are missing. What happens?",
        answers=(
            "recv returns 0, and the server closes the connection.",
            "recv fails with EINVAL.",
            "recv waits for the next frame.",
        ),
        right_answer=0,
        why="recv returns 0 in two cases: the peer has ended, or 0 bytes were asked for. The"
        " source document's code cannot tell them apart, and closes a healthy connection at its"
        " first empty frame. The echo of that frame and of all behind it are missing. The close,"
        " with frames unread, also destroys echoes before it that the client has not got yet. The"
        " right loop asks recv only if bytes are missing.",
        line="advance(): recv() is called for a body of which nothing is missing.",
        section="9.1, 10.4",
        man="recv(2)",
        label="Frames without an echo, of a hundred",
        unit="frames",
        result="Of a hundred frames, one of them empty, {right} had no echo from the right server,"
        " {wrong} from the wrong one.",
    ),
    "ready-but-eagain": LabText(
        title="EAGAIN after POLLIN is taken for an error",
        question="200 clients send one frame each. 19 of them send the header first and the body"
        " a little later. The server closes a connection whose recv fails with anything but EINTR."
        " How many clients have no echo?",
        answers=(
            "None: poll said that the sockets are readable.",
            "19.",
            "All 200.",
        ),
        right_answer=1,
        why="Readiness was true when poll returned, and it is promised for one call. POLLIN was for"
        " the header. The second recv of the same turn finds nothing and fails with EAGAIN. That is"
        " normal. It also happens if another thread or process reads from the same socket"
        " first, or if the kernel drops a packet after it has reported it. The right loop"
        " takes EAGAIN as the answer: later.",
        line="serve(): EAGAIN is not suppressed, and ends as every other OSError.",
        section="2.2, pitfall 1 of 12",
        man="recv(2), select(2), on BUGS",
        label="Clients without an echo, of 200",
        unit="clients",
        result="Of 200 clients, 19 of which sent the body a little later, {right} had no echo from"
        " the right server, {wrong} from the wrong one.",
    ),
    "close-unread": LabText(
        title="A close with input unread destroys the echo before it",
        question="A client sends a good frame of 1 MiB, then a header over the CAP and a few"
        " bytes. The server has written the echo of the first frame and closes at the header. What"
        " does the client get, if it reads only now?",
        answers=(
            "The whole echo, then the end.",
            "A small part of the echo, then a reset.",
            "Nothing until a time-out.",
        ),
        right_answer=1,
        why="send has only copied the echo to the kernel's send buffer. If a socket is closed"
        " while bytes stand unread in its receive buffer, or if more of them arrive, the kernel"
        " sends RST in place of FIN and drops everything that is not delivered. The right loop"
        " sends its FIN with shutdown, which goes behind the echo. It then reads and discards until"
        " the client has ended, and closes last.",
        line="refuse(): it ends the connection at once.",
        section="6.1, 10.5",
        man="shutdown(2), close(2), tcp(7)",
        label="Missing of an echo of 1 MiB",
        unit="MB",
        result="Of an echo of 1 MiB before a refused header, {right} MB were missing from the"
        " right server, {wrong} MB from the wrong one.",
    ),
    "dual-stack": LabText(
        title="The server listens on :: and takes IPv6 only",
        question="A server listens on :: with IPV6_V6ONLY set. At how many of the addresses"
        " 127.0.0.1 and ::1 is nobody served?",
        answers=(
            "At none: :: means all addresses.",
            "At 127.0.0.1.",
            "At ::1.",
        ),
        right_answer=1,
        why="A socket that listens on :: accepts IPv4 too, as ::ffff:127.0.0.1, unless"
        " IPV6_V6ONLY is set. Its default differs: Linux takes it from"
        " net.ipv6.bindv6only, Python's create_server sets it, some systems know nothing else. So"
        " set it explicitly, before bind. The option cannot be changed later. For these few"
        " seconds both servers listen on all interfaces, since :: can mean nothing less.",
        line="__init__(): create_server() is called without dualstack_ipv6.",
        section="7.2",
        man="ipv6(7)",
        label="Unserved addresses, of two",
        unit="addresses",
        result="Of 127.0.0.1 and ::1, {right} were not served by the right server, {wrong} by the"
        " wrong one.",
    ),
    "no-cap": LabText(
        title="No CAP: four bytes make the server take 256 MiB of memory",
        question="A client sends four bytes that announce a body of 256 MiB, and nothing else."
        " The server has no CAP. How much memory does that take?",
        answers=(
            "Four bytes: memory grows as the body arrives.",
            "1 MiB, the size of the receive buffer.",
            "256 MiB.",
        ),
        right_answer=2,
        why="The server makes room for a whole body as soon as it knows its length. The client has"
        " sent four bytes for it, and can do so on many connections. A CAP bounds it, and it must"
        " be judged when the header is complete, before the first byte of the body. Even within"
        " a CAP it is better to let memory grow with the bytes that arrive, as the product's server"
        " does. The lab announces less if little memory is free.",
        line="advance(): body_len is not compared with CAP.",
        section="6.1, pitfall 5 of 12",
        man="malloc(3), tcp(7)",
        label="Memory for four bytes",
        unit="MiB",
        result="On the four bytes of a header the right server grew by {right} MiB, the wrong one"
        " by {wrong} MiB.",
    ),
    "pollout-third": LabText(
        title="A time-out counts from the last send, and POLLOUT comes late",
        question="A client reads 128 kB a second, steadily. A server ends a connection if it"
        " could send nothing for 2 s. Its send buffer of up to 4 MiB is full. Does the client get"
        " its echoes?",
        answers=(
            "Yes: it reads all the time, so there is always room for a send.",
            "No: POLLOUT comes only after it has read about 1.3 MB.",
            "No: the kernel ends a connection that is so slow.",
        ),
        right_answer=1,
        why="The kernel reports POLLOUT only when about a third of the send buffer is free. A send"
        " would have succeeded after some 41 kB, but nobody tries one before POLLOUT. At 128 kB a"
        " second that takes ten seconds, in which the server sees no progress, although the client"
        " reads without a pause. So the time of the last send is no measure of a peer. The right"
        " server asks the kernel what the peer has acknowledged (SIOCOUTQ, TCP_INFO).",
        line="run(): last_active changes only when poll reports the connection.",
        section="3.2, 10.6, 14.2",
        man="tcp(7) on SIOCOUTQ and TCP_INFO, socket(7) on SO_SNDBUF",
        label="Missing of a slow reader's echoes",
        unit="MB",
        result="Of the echoes of a slow but steady reader, {right} MB were missing from the right"
        " server, {wrong} MB from the wrong one.",
    ),
    "sndbuf": LabText(
        title="A small SO_SNDBUF: a large echo goes out a segment at a time",
        question="A server sets SO_SNDBUF to 4,096 to save memory. A client on this machine asks"
        " for an echo of 1 MiB. What becomes of it?",
        answers=(
            "Nothing: the loopback device needs no buffer.",
            "It is refused: it is larger than the buffer.",
            "It takes a hundred times as long, in many partial writes.",
        ),
        right_answer=2,
        why="The send buffer holds what is sent and not yet acknowledged. With room for one"
        " segment the server sends one and has to wait. The client acknowledges late, by up to"
        " 40 ms, because it waits for a second segment before it does so. Each partial"
        " write costs such a wait. Without SO_SNDBUF Linux lets the buffer grow as the"
        " connection needs it, up to the largest value in tcp_wmem; setting it turns that off.",
        line="add_client(): setsockopt(SO_SNDBUF).",
        section="10.5, 16",
        man="socket(7), tcp(7) on tcp_wmem",
        label="Echo of 1 MiB, median",
        unit="ms",
        result="An echo of 1 MiB took {right} ms in the right server. In the wrong one it took"
        " {wrong} ms and {extra} partial writes.",
    ),
}
