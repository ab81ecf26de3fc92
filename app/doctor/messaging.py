"""Signatures of messaging and remote calls: MQTT, AMQP, Thrift."""

from __future__ import annotations

import re
from typing import Final

from .evidence import Stream
from .signatures import Contradiction, FieldReader, Match, Signature, check, reads


def mqtt(stream: Stream) -> Match | None:
    """CONNECT with the protocol's name, then other packets."""
    data = stream.data
    if data[:1] != b"\x10":
        return None
    reader = FieldReader(data, 1)
    if not reads(_mqtt_rest, reader, stream.ended, 8):
        return None
    is_named = b"\0\x04MQTT" in data[2:12] or b"\0\x06MQIsdp" in data[2:14]
    return Match("mqtt", "MQTT") if is_named or stream.size < 12 else None


def _mqtt_rest(reader: FieldReader) -> None:
    is_first = reader.at == 1
    if not is_first:
        kind = reader.number(1)
        check(kind >> 4 in (3, 4, 5, 6, 7, 8, 10, 12, 14, 15))
        check(kind >> 4 == 3 or kind & 15 in (0, 2))
    size = reader.varint()
    end = reader.at + size
    if is_first:
        check(size >= 12)
        if reader.data[reader.at + 1 : reader.at + 2] == b"\x06":
            reader.expect(b"\0\x06MQIsdp\x03")
        else:
            reader.expect(b"\0\x04MQTT\x03", b"\0\x04MQTT\x04", b"\0\x04MQTT\x05")
        check(not reader.number(1) & 1)
        check(reader.at + 4 <= end)
    reader.skip(end - reader.at)


_AMQP: Final = tuple(
    b"AMQP" + version
    for version in (
        b"\0\0\x09\x01",
        b"\0\x01\0\0",
        b"\x03\x01\0\0",
        b"\x02\x01\0\0",
        b"\x01\x01\x08\0",
        b"\x01\x01\x09\x01",
        b"\x01\x01\0\x0a",
        b"\x01\x01\0\x09",
    )
)


def amqp(stream: Stream) -> Match | None:
    """The header with the version, then (AMQP 1.0) frames that count their own 4 bytes."""
    data = stream.data
    if data[:8] not in _AMQP:
        is_begun = stream.size >= 5 and any(head.startswith(data) for head in _AMQP)
        return Match("amqp", "AMQP") if is_begun else None
    reader = FieldReader(data, 8)
    if reader.left and not reads(_amqp_frame, reader, False, 0):
        return None
    return Match("amqp", "AMQP")


def _amqp_frame(reader: FieldReader) -> None:
    if reader.data[reader.at : reader.at + 4] == b"AMQP":
        reader.expect(*_AMQP)
        return
    size = reader.number(4)
    check(8 <= size <= 1 << 20)
    reader.expect(b"\x02\0", b"\x02\x01")
    reader.skip(size - 6)


_TYPE_SIZES: Final = {2: 1, 3: 1, 4: 8, 6: 2, 8: 4, 10: 8}
_NAME: Final = re.compile(rb"[A-Za-z_][\w.:$-]{0,120}")


def _thrift_value(reader: FieldReader, kind: int, depth: int) -> None:
    check(depth < 16)
    if kind in _TYPE_SIZES:
        reader.skip(_TYPE_SIZES[kind])
    elif kind == 11:
        reader.skip(reader.number(4))
    elif kind == 12:
        while inner := reader.number(1):
            reader.skip(2)
            _thrift_value(reader, inner, depth + 1)
    elif kind in (13, 14, 15):
        kinds = [reader.number(1) for _ in range(2 if kind == 13 else 1)]
        count = reader.number(4)
        check(count <= 1 << 24)
        for _ in range(count):
            for inner in kinds:
                _thrift_value(reader, inner, depth + 1)
    else:
        raise Contradiction


def _thrift_message(reader: FieldReader) -> None:
    if reader.data[reader.at : reader.at + 1] == b"\x82":
        _thrift_compact(reader)
        return
    reader.expect(b"\x80\x01\0\x01", b"\x80\x01\0\x02", b"\x80\x01\0\x03", b"\x80\x01\0\x04")
    size = reader.number(4)
    check(1 <= size <= 120)
    check(_NAME.fullmatch(reader.take(size)))
    reader.skip(4)
    _thrift_value(reader, 12, 0)


def _thrift_compact(reader: FieldReader) -> None:
    reader.expect(b"\x82\x21", b"\x82\x41", b"\x82\x61", b"\x82\x81")
    reader.varint()
    size = reader.varint()
    check(1 <= size <= 120)
    check(_NAME.fullmatch(reader.data, reader.at, min(reader.at + size, reader.end)))
    reader.skip(size)
    rest = reader.take(reader.left)  # one message: its end is the end of what is there
    check(rest[-1:] in (b"\0", b""))


def thrift(stream: Stream) -> Match | None:
    """Messages of the binary or the compact protocol, without a frame around them."""
    if stream.data[:1] in (b"\x80", b"\x82") and reads(
        _thrift_message, FieldReader(stream.data), stream.ended, 9
    ):
        return Match("thrift", "Thrift without frames (TBufferedTransport)")
    return None


def thrift_framed(stream: Stream) -> Match | None:
    """The same messages in right frames."""

    def framed(reader: FieldReader) -> None:
        size = reader.number(4)
        check(8 <= size <= 1 << 28)
        end = reader.at + size
        inner = FieldReader(reader.data, reader.at, end)
        if inner.data[inner.at : inner.at + 2] not in (b"\x80\x01", b"\x82\x21"):
            check(inner.left < 2)
        is_whole = end <= len(reader.data)
        check(reads(_thrift_message, inner, is_whole, 0, again=False) if inner.left else True)
        check(not is_whole or inner.left == 0)
        reader.skip(size)

    if stream.data[4:5] not in (b"\x80", b"\x82"):
        return None
    if not reads(framed, FieldReader(stream.data), stream.ended, 12):
        return None
    return Match("thrift_framed", "Thrift in frames (TFramedTransport)", is_framed=True)


MESSAGING_SIGNATURES: Final[tuple[Signature, ...]] = (mqtt, amqp, thrift, thrift_framed)
