"""The guess at what sent a header that the CAP refused."""

from __future__ import annotations

from typing import Final

from ..core.framing import HEADER_SIZE, read_length
from ..core.printable import printable


def looks_like(first: bytes, cap: int) -> str:
    """Say in words what a refused header most probably is; an empty string if nothing fits.

    `first` is the header and the bytes received behind it. `cap` is the CAP, in bytes, that the
    header was judged by.
    """
    for sign, what in _FOREIGN:
        if first.startswith(sign):
            return f"looks like {what}: '{printable(first, 16)}'"
    if len(first) >= 3 and first[0] in _TLS_RECORDS and first[1] == 3 and first[2] <= 4:
        return "looks like a TLS record (a TLS client on a plain-text port)"
    (length,) = read_length(first, 0)
    if cap < length <= cap + HEADER_SIZE:
        return "a body over the CAP, or a length that counts its own four bytes"
    little = int.from_bytes(first[:HEADER_SIZE], "little")
    if 0 < little <= cap:
        return f"looks like a little-endian length of {little:,}"
    if first[:HEADER_SIZE].isascii() and first[:HEADER_SIZE].decode("ascii").isprintable():
        return f"looks like text: '{printable(first, 16)}'"
    return ""


HTTP_VERBS: Final = tuple(
    verb.encode() for verb in "GET |POST|PUT |HEAD|DELE|OPTI|PATC|TRAC|PROP|CONN".split("|")
)
"""The first 4 bytes of HTTP requests."""
_FOREIGN: Final = (
    (b"PRI * HTTP/2", "an HTTP/2 client"),
    *((verb, "an HTTP request") for verb in HTTP_VERBS),
    (b"HTTP", "an HTTP response"),
    (b"SSH-", "an SSH banner"),
)
_TLS_RECORDS: Final = frozenset({20, 21, 22, 23})
