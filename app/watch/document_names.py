"""The source document's names for what this program shows, by the name that it has here.

They stand in its C++ (sections 7 to 9) and, mended, in the lab's teaching loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DOCUMENT_NAMES: Final[Mapping[str, str]] = {
    # columns, and the page of a connection
    "fd": "cfd",
    "peer": "Conn::peer, sa_to_string",
    "state": "Conn::state",
    "header": "len_buf, len_bytes_read",
    "body": "in_body, body_bytes_read of body_len",
    "out": "out_buf, out_bytes_sent",
    "pending": "out_buf.size() - out_bytes_sent",
    "pollout": "pollfd::events",
    "toggles": "want_writable",
    "idle": "last_active",
    "partial_writes": "out_bytes_sent",
    "reason": "remove_fd",
    # header and charts
    "CAP": "CAP",
    "open": "conns",
    "POLLOUT": "want_writable",
    # states
    "READ_LEN": "State::READ_LEN",
    "READ_BODY": "State::READ_BODY",
    "WRITE_BODY": "State::WRITE_BODY",
    "CLOSED": "remove_fd",
    # events
    "opened": "add_client",
    "POLLOUT armed": "want_writable(fd, true)",
    "POLLOUT disarmed": "want_writable(fd, false)",
    "partial write": "out_bytes_sent",
    "listening": "make_listen, lfd",
    # the loop and its calls
    "iterations/s": "poll(pfds, ...)",
    "in the poll": "pfds",
    "IN of IN": "pollfd::revents, pollfd::events",
    "woken without progress": "revents",
    "call poll": "poll(pfds, ...)",
    "call accept": "add_client",
    "call read": "len_bytes_read, body_bytes_read",
    "call write": "out_bytes_sent",
    "call watch": "add_client, pfds.push_back",
    "call arm": "want_writable(fd, true)",
    "call disarm": "want_writable(fd, false)",
    "call unwatch": "remove_fd, pfds.erase",
    "call close": "remove_fd",
    # why a connection closed
    "frame_too_large": "CAP",
}
