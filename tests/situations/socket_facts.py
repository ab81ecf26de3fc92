"""Reads what the kernel says of one TCP socket, with ss(8): nothing here knows the program."""

from __future__ import annotations

import re
import subprocess
from typing import Final, NamedTuple

_TIMER: Final = re.compile(r"timer:\((\w+),[^,]*,(\d+)\)")
_NAMED: Final = re.compile(r"\b([a-z_]+):(\d+)(?:/(\d+))?")
_COUNTERS: Final = "bytes_acked bytes_received notsent unacked backoff snd_wnd lastack ino".split()


class SocketFacts(NamedTuple):
    """One socket at one moment, in the words of ss(8); sizes in bytes."""

    state: str
    recv_q: int
    """Bytes received that the program has not read."""
    send_q: int
    """Bytes written that the peer has not acknowledged; a FIN counts as one."""
    timer: str
    """``on`` (retransmission), ``persist`` (window probes), ``keepalive``, or empty."""
    timer_tries: int
    """Times that this timer has expired without an answer."""
    retrans: int
    """Segments that are being retransmitted now."""
    bytes_acked: int
    bytes_received: int
    notsent: int
    unacked: int
    """Segments in flight."""
    backoff: int
    snd_wnd: int
    lastack: int
    """Milliseconds since the last acknowledgement came."""
    inode: int
    """Of the program's descriptor; 0 if the program has closed it, and only the kernel goes on."""

    @property
    def in_flight(self) -> int:
        """Bytes sent and not acknowledged."""
        return max(0, self.send_q - self.notsent)

    def __str__(self) -> str:
        words = [f"{self.state} recv-q {self.recv_q} send-q {self.send_q}"]
        if self.timer:
            words.append(f"{self.timer}/{self.timer_tries}")
        named = ("notsent", "unacked", "retrans", "backoff", "snd_wnd", "lastack")
        words += [f"{name} {getattr(self, name)}" for name in named]
        return " ".join(words)


def parse_ss(text: str) -> SocketFacts | None:
    """Read the two lines that ``ss -tinmoH`` prints of a socket; None if there are none."""
    words = text.split()
    if len(words) < 5:
        return None
    named = {name: (int(one), int(two or 0)) for name, one, two in _NAMED.findall(text)}
    timer = _TIMER.search(text)
    return SocketFacts(
        words[0],
        int(words[1]),
        int(words[2]),
        timer[1] if timer else "",
        int(timer[2]) if timer else 0,
        named.get("retrans", (0, 0))[0],
        *(named.get(name, (0, 0))[0] for name in _COUNTERS),
    )


def read_socket(port: int, peer_port: int, namespace: str = "") -> SocketFacts | None:
    """The server's socket of the connection from `peer_port`; None if it is gone."""
    within = ["-N", namespace] if namespace else []
    chosen = ["sport", "=", f":{port}", "and", "dport", "=", f":{peer_port}"]
    command = ["ss", *within, "-tinmoeHa", *chosen]
    return parse_ss(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
