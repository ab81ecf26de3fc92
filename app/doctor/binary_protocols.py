"""Signatures of binary protocols of networks: TLS, HTTP/2, DNS, LDAP, proxies, desktops."""

from __future__ import annotations

import re
from typing import Final

from .evidence import Stream
from .signatures import PRINTABLE, FieldReader, Match, Signature, check, reads

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_GRPC_MARKS: Final = (
    b"\xfe\x03\x00\x00\x00",  # gRPC's own setting
    b"\x1d\x75\xd0\x62\x0d\x26\x3d\x4c\x4d\x65\x64",  # "application/grpc", as HPACK codes it
    b"application/grpc",
)


def http2(stream: Stream) -> Match | None:
    """The preface, then frames, of which the first is SETTINGS."""
    if not stream.data.startswith(_PREFACE):
        is_begun = stream.size >= 14 and _PREFACE.startswith(stream.data)
        return Match("http2", "HTTP/2") if is_begun else None
    reader = FieldReader(stream.data, len(_PREFACE))
    if reader.left and not reads(_http2_frame, reader, False, 0):
        return None
    kinds = stream.data[len(_PREFACE) + 3 : len(_PREFACE) + 4]
    if kinds not in (b"\x04", b""):
        return None
    is_grpc = any(mark in stream.data for mark in _GRPC_MARKS)
    return Match("http2", "HTTP/2", ("grpc",) if is_grpc else ())


def _http2_frame(reader: FieldReader) -> None:
    size, kind = reader.number(3), reader.number(1)
    check(size <= 1 << 20 and kind <= 0x10)
    reader.skip(1)
    stream_id = reader.number(4)
    check(stream_id < 1 << 31 and (kind not in (4, 6, 7) or not stream_id))
    reader.skip(size)


def tls(stream: Stream) -> Match | None:
    """Records; the first is a handshake with a ClientHello or ServerHello, or an alert."""
    data = stream.data
    if data[:1] == b"\x16" and stream.size >= 5:
        if data[5:6] not in (b"\x01", b"\x02", b"") or data[6:7] not in (b"\0", b""):
            return None
        what = "a TLS handshake"
    elif data[:1] == b"\x15" and stream.size >= 6:
        if data[3:5] != b"\0\x02" or data[5:6] not in (b"\x01", b"\x02"):
            return None
        what = "a TLS alert"
    else:
        return None
    if not reads(_tls_record, FieldReader(data), False, 5):
        return None
    return Match("tls", what)


def _tls_record(reader: FieldReader) -> None:
    reader.expect(b"\x14", b"\x15", b"\x16", b"\x17")
    reader.expect(b"\x03\x00", b"\x03\x01", b"\x03\x02", b"\x03\x03", b"\x03\x04")
    size = reader.number(2)
    check(0 < size <= (1 << 14) + 2048)
    reader.skip(size)


_LABEL: Final = re.compile(rb"[A-Za-z0-9_*-]+")


def dns(stream: Stream) -> Match | None:
    """Queries, each behind a 2-byte length."""
    if reads(_dns_message, FieldReader(stream.data), stream.ended, 16):
        return Match("dns", "DNS over TCP", ("u16be",))
    return None


def _dns_message(reader: FieldReader) -> None:
    size = reader.number(2)
    check(17 <= size <= 4096)
    end = reader.at + size
    reader.skip(2)
    flags = reader.number(2)
    check(not flags & 0x8000 and (flags >> 11) & 15 in (0, 4, 5) and not flags & 0x024F)
    questions, answers, authorities, more = (reader.number(2) for _ in range(4))
    check(questions == 1 and answers == 0 and authorities <= 16 and more <= 4)
    for _ in range(40):
        label = reader.number(1)
        if not label:
            break
        check(label < 64 and _LABEL.fullmatch(reader.take(label)))
    reader.skip(2)
    check(reader.number(2) in (1, 3, 4, 254, 255))
    if not authorities and not more:
        check(reader.at == end)
    check(reader.at <= end)
    reader.skip(end - reader.at)


_LDAP_OPERATIONS: Final = frozenset(b"\x60\x42\x63\x66\x68\x4a\x6c\x6e\x50\x77")


def ldap(stream: Stream) -> Match | None:
    """BER sequences of a message number and an operation."""
    if stream.data[:1] != b"\x30" or not reads(
        _ldap_message, FieldReader(stream.data), stream.ended, 7
    ):
        return None
    return Match("ldap", "LDAP")


def _ldap_message(reader: FieldReader) -> None:
    reader.expect(b"\x30")
    size = _ber_length(reader)
    end = reader.at + size
    reader.expect(b"\x02")
    width = reader.number(1)
    check(1 <= width <= 4)
    reader.skip(width)
    operation = reader.number(1)
    check(operation in _LDAP_OPERATIONS)
    inner = _ber_length(reader)
    left = end - reader.at - inner
    # Controls (tag 0xa0) may stand behind the operation.
    check(left >= 0 and (operation != 0x60 or inner >= 7))
    if operation == 0x60:
        before = reader.at
        reader.expect(b"\x02\x01")
        check(reader.number(1) in (2, 3))
        inner -= reader.at - before
    reader.skip(inner)
    if left:
        reader.expect(b"\xa0")
        reader.skip(left - 1)


def _ber_length(reader: FieldReader) -> int:
    first = reader.number(1)
    if first < 0x80:
        return first
    check(0x81 <= first <= 0x84)
    return reader.number(first - 0x80)


def smb(stream: Stream) -> Match | None:
    """SMB messages behind the 4 bytes of NetBIOS, which are our own framing."""
    if stream.data[4:8] not in (b"\xfeSMB", b"\xffSMB"):
        return None
    if not reads(_smb_message, FieldReader(stream.data), False, 8):
        return None
    return Match("smb", "SMB", is_framed=True)


def _smb_message(reader: FieldReader) -> None:
    reader.expect(b"\0")
    size = reader.number(3)
    check(size >= 32)
    end = reader.at + size
    reader.expect(b"\xfeSMB", b"\xffSMB", b"\xfdSMB", b"\xfcSMB")
    reader.skip(end - reader.at)


_RDP_COOKIE: Final = re.compile(rb"Cookie: mst(?:shash|s)=[!-~]*\r\n|[ -~]{1,200}\r\n")


def rdp(stream: Stream) -> Match | None:
    """A connection request: TPKT, X.224, a cookie and the security that the client can do."""
    if stream.data[:2] == b"\x03\0" and reads(
        _rdp_request, FieldReader(stream.data), stream.ended, 12, False
    ):
        return Match("rdp", "a Remote Desktop (RDP) client")
    return None


def _rdp_request(reader: FieldReader) -> None:
    reader.expect(b"\x03\0")
    size = reader.number(2)
    check(11 <= size <= 512)
    check(reader.number(1) == size - 5)
    reader.expect(b"\xe0\0\0")
    reader.skip(2)
    reader.expect(b"\0")
    # Other clients of X.224 (Siemens S7) go on with 0xc0 to 0xc2.
    check(reader.data[reader.at : reader.at + 1] < b"\x7f")
    rest = reader.take(size - 11)
    cookie = _RDP_COOKIE.match(rest)
    rest = rest[cookie.end() :] if cookie else rest
    check(
        rest[:4] in (b"\x01\0\x08\0", b"\x01\x01\x08\0", b"\x01\x02\x08\0") or (cookie and not rest)
    )


def socks(stream: Stream) -> Match | None:
    """The first message of a client of a SOCKS proxy."""
    data, size = stream.data, stream.size
    if data[:1] == b"\x05" and size >= 3:
        methods = data[2:]
        is_whole = data[1] == len(methods) == len(set(methods)) and data[1] <= 8
        if is_whole and all(method <= 9 or method in (0x80, 0x82, 0x86) for method in methods):
            return Match("socks", "SOCKS 5")
    if data[:2] in (b"\x04\x01", b"\x04\x02") and size >= 9:
        fields = data[8:].split(b"\0")
        port = int.from_bytes(data[2:4], "big")
        has_name = data[4:7] == b"\0\0\0" and data[7] != 0
        is_whole = fields[-1] == b"" and len(fields) == (3 if has_name else 2)
        texts = all(PRINTABLE.fullmatch(field) for field in fields)
        if (port and is_whole and texts and data[4] not in (127 + 128, 0)) or (
            port and is_whole and texts and has_name and fields[1]
        ):
            return Match("socks", "SOCKS 4")
    return None


_PROXY_2: Final = b"\r\n\r\n\0\r\nQUIT\n"


def proxy_v2(stream: Stream) -> Match | None:
    """The 12 bytes of the signature, a version, addresses; then the client's own bytes."""
    data = stream.data
    if not data.startswith(_PROXY_2):
        is_begun = stream.size >= 6 and _PROXY_2.startswith(data) and not stream.ended
        return Match("proxy_v2", "the PROXY protocol, version 2") if is_begun else None
    if data[12:13] not in (b"\x20", b"\x21", b"") or (len(data) > 13 and data[13] >> 4 > 3):
        return None
    return Match("proxy_v2", "the PROXY protocol, version 2")


_NO_CONTROL: Final = bytes(byte for byte in range(256) if byte >= 32 or byte in b"\t\n\r")
"""All bytes but control characters, of which a text has none."""


def websocket(stream: Stream) -> Match | None:
    """Masked frames without a handshake: text that is UTF-8, or several frames."""
    if stream.data[:1] not in (b"\x81", b"\x82", b"\x01", b"\x89"):
        return None
    found: list[bytes] = []
    reader = FieldReader(stream.data)

    def frame(reader: FieldReader) -> None:
        first, second = reader.number(1), reader.number(1)
        check(first in (0x81, 0x82, 0x01, 0x02, 0x80, 0, 0x88, 0x89, 0x8A) and second & 0x80)
        size = second & 0x7F
        if size >= 126:
            width = 2 if size == 126 else 8
            size = reader.number(width)
            check(size > (125 if width == 2 else 0xFFFF) and size < 1 << 32)
        check(first < 0x88 or size < 126)
        mask = reader.take(4)
        here = reader.data[reader.at : reader.at + min(size, 4096)]
        plain = bytes(byte ^ mask[index & 3] for index, byte in enumerate(here))
        if first in (0x81, 0x01):
            check(_is_utf8_begun(plain) and not plain.translate(None, _NO_CONTROL))
            found.append(plain)
        reader.skip(size)

    if not reads(frame, reader, stream.ended, 8):
        return None
    text = b"".join(found)
    likely = sum(2.4 if 97 <= byte <= 122 or byte == 32 else 1.2 for byte in text)
    # The first byte, the mask bit and an exact end are worth about 16 bits.
    if (reader.left == 0 and likely >= 9) or likely >= 20:
        return Match("websocket", "WebSocket frames without a handshake")
    return None


def _is_utf8_begun(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return True


def bittorrent(stream: Stream) -> Match | None:
    """The handshake, which names the protocol."""
    if stream.size >= 6 and stream.data[:20] == b"\x13BitTorrent protocol"[: stream.size]:
        return Match("bittorrent", "BitTorrent")
    return None


def x11(stream: Stream) -> Match | None:
    """The connection setup: byte order, version 11, the name and data of the authorisation."""
    order = {b"l": "little", b"B": "big"}.get(stream.data[:1])
    if order is None:
        return None

    def setup(reader: FieldReader) -> None:
        reader.skip(2)
        check(reader.number(2, order) == 11 and reader.number(2, order) == 0)
        name, data = reader.number(2, order), reader.number(2, order)
        check(name <= 64 and data <= 256)
        reader.skip(2)
        check(PRINTABLE.fullmatch(reader.take(name)))
        reader.skip(-name % 4 + data + -data % 4)

    if not reads(setup, FieldReader(stream.data), stream.ended, 10, again=False):
        return None
    return Match("x11", "X11")


BINARY_SIGNATURES: Final[tuple[Signature, ...]] = (
    http2,
    tls,
    dns,
    ldap,
    smb,
    rdp,
    proxy_v2,
    websocket,
    bittorrent,
    x11,
    socks,
)
