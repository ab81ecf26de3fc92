"""Signatures of databases and of what is like them: queues, caches, coordination."""

from __future__ import annotations

import re
from typing import Final

from .evidence import Stream
from .signatures import PRINTABLE, FieldReader, Match, Signature, check, reads

_REQUEST_CODES: Final = {80877103: 8, 80877104: 8, 80877102: 16}
"""PostgreSQL's requests (SSL, GSSAPI, cancel) with their sizes in bytes."""
_PARAMETERS: Final = re.compile(rb"(?:[A-Za-z_.]+\0[^\0]*\0)+\0")
_PARAMETERS_BEGUN: Final = re.compile(rb"(?:[A-Za-z_.]+\0[^\0]*\0)*[A-Za-z_.]*(?:\0[^\0]*)?")


def postgres(stream: Stream) -> Match | None:
    """A request for encryption, or the startup message with its parameters."""
    data, size = stream.data, stream.size
    if size < 8:
        return None
    length, code = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:8], "big")
    if _REQUEST_CODES.get(code) == length and size <= length:
        what = {80877103: "asks for TLS", 80877104: "asks for GSSAPI", 80877102: "cancels a query"}
        return _postgres(f"it {what[code]}")
    if code not in (0x30000, 0x30002) or not 16 <= length <= 10_000 or size > length:
        return None
    pattern = _PARAMETERS if size == length else _PARAMETERS_BEGUN
    if pattern.fullmatch(data[8:]) is None or not data[8:9].isalpha():
        return None
    return _postgres("the startup message")


def _postgres(what: str) -> Match:
    return Match("postgres", f"PostgreSQL ({what})", is_framed=True, counts_itself=True)


_SQL: Final = re.compile(
    rb"\s*(?:/\*|\(?(?:SELECT|INSERT|UPDATE|DELETE|SET|SHOW|USE|BEGIN|START|COMMIT|ROLLBACK|CREATE"
    rb"|DROP|ALTER|REPLACE|CALL|EXPLAIN|DESCRIBE|DESC|TRUNCATE|WITH|GRANT|KILL|LOCK|ANALYZE)\b)",
    re.IGNORECASE,
)


_GREETING: Final = re.compile(rb"\x0a\d+\.\d+[ -~]*\0")


def mysql(stream: Stream) -> Match | None:
    """A query, the answer to a greeting, or a server's greeting."""
    data = stream.data
    if stream.size < 6:
        return None
    number, body = data[3], data[4:]
    if number == 0 and body[:1] == b"\x03":
        query = body[3:] if body[1:3] == b"\0\x01" else body[1:]
        if _SQL.match(query) and reads(_mysql_packet, FieldReader(data), stream.ended, 0):
            is_le = all(_sequence_numbers(data))
            return Match("mysql", "a MySQL query", ("u32le",) if is_le else ())
        return None
    if number == 1 and 32 <= int.from_bytes(data[:3], "little") < 4096:
        flags = int.from_bytes(body[:4], "little")
        is_login = len(body) >= 32 and flags & 0x200 and not body[9:28].strip(b"\0")
        if is_login and reads(_mysql_packet, FieldReader(data), stream.ended, 0):
            return Match("mysql", "a MySQL login")
    is_greeting = number == 0 and _GREETING.match(body)
    if is_greeting and reads(_mysql_packet, FieldReader(data), stream.ended, 0):
        return Match("mysql", "the greeting of a MySQL server")
    return None


def _mysql_packet(reader: FieldReader) -> None:
    size = reader.number(3, "little")
    check(reader.number(1) <= 8 and size)
    reader.skip(size)


def _sequence_numbers(data: bytes) -> list[bool]:
    """Whether each packet's number is 0, so that a 4-byte little-endian length fits too."""
    at, zeros = 0, []
    while at + 4 <= len(data):
        zeros.append(data[at + 3] == 0)
        at += 4 + int.from_bytes(data[at : at + 3], "little")
    return zeros


_MONGO_KINDS: Final = frozenset({2001, 2002, 2004, 2005, 2006, 2007, 2012, 2013})


def mongodb(stream: Stream) -> Match | None:
    """Messages with a length that counts itself, two numbers and an operation."""
    if stream.size < 16 or not reads(_mongo_message, FieldReader(stream.data), stream.ended, 16):
        return None
    return Match("mongodb", "MongoDB", ("counts_itself_le",))


def _mongo_message(reader: FieldReader) -> None:
    size = reader.number(4, "little")
    check(16 < size <= 48 << 20)
    reader.skip(4)
    answers, kind = reader.number(4, "little"), reader.number(4, "little")
    check(kind in _MONGO_KINDS and (answers in (0, 0xFFFFFFFF) or kind == 2013))
    reader.skip(size - 16)


_KAFKA_FIRST: Final = {3: 13, 10: 6, 17: 2, 18: 4}
"""Requests that a client begins with, with their highest versions."""


def kafka(stream: Stream) -> Match | None:
    """Requests in right frames: a key, a version, a number, and the client's name."""
    if stream.data[:2] != b"\0\0" or not reads(
        _kafka_request, FieldReader(stream.data), stream.ended, 18
    ):
        return None
    return Match("kafka", "Kafka", is_framed=True)


def _kafka_request(reader: FieldReader) -> None:
    is_first = reader.at == 0
    size = reader.number(4)
    check(10 <= size <= 1 << 27)
    end = reader.at + size
    key, version = reader.number(2), reader.number(2)
    check(version <= _KAFKA_FIRST.get(key, -1) if is_first else key <= 80 and version <= 20)
    reader.skip(4)
    size = reader.number(2)
    check(size <= 250 or (size == 0xFFFF and key == 18 and version >= 3))
    name = PRINTABLE.match(reader.data, reader.at, reader.at + (0 if size > 250 else size))
    check(
        name is not None
        and (reader.at + len(name[0]) >= min(reader.at + size, reader.end) or size > 250)
    )
    reader.skip(0 if size > 250 else size)
    check(reader.at <= end and (size or not is_first or version >= 3))
    if is_first and key == 18:
        _api_versions(reader, end, version)
    reader.skip(end - reader.at)


def _api_versions(reader: FieldReader, end: int, version: int) -> None:
    """The body of the first request: nothing, or the names of the software."""
    if version >= 3:
        reader.expect(b"\0")
        for _ in range(2):
            text = reader.varint()
            check(1 <= text <= 250 and PRINTABLE.fullmatch(reader.take(text - 1)))
        check(reader.number(1) == 0)
    check(reader.at == end)


def zookeeper(stream: Stream) -> Match | None:
    """The connect request: 44 or 45 bytes in a right frame; then requests."""
    data = stream.data
    if data[:3] != b"\0\0\0" or data[3:4] not in (b"\x2c", b"\x2d") or stream.size < 28:
        return None
    if data[4:8] != b"\0\0\0\0" or not 100 <= int.from_bytes(data[16:20], "big") <= 10_000_000:
        return None
    is_new = data[20:28] == b"\0" * 8
    if data[28:32] != b"\0\0\0\x10"[: stream.size - 28]:
        return None
    if data[8:9] != b"\0" or (is_new and data[32:48].strip(b"\0")) or data[48:49] > b"\x01":
        return None
    return Match("zookeeper", "ZooKeeper", is_framed=True)


_STARTUP: Final = (
    b"\0\x0bCQL_VERSION",
    b"\0\x0bCOMPRESSION",
    b"\0\x0bDRIVER_NAME",
    b"\0\x0eDRIVER_VERSION",
    b"\0\x0eTHROW_ON_OVERL",
    b"\0\x10NO_COMPACT",
    b"\0\x09CLIENT_ID",
)


def cassandra(stream: Stream) -> Match | None:
    """Frames of the CQL protocol; the first is OPTIONS or STARTUP."""
    if stream.data[:1] not in b"\x01\x02\x03\x04\x05\x41\x42" or stream.size < 8:
        return None
    head = 8 if stream.data[0] < 3 else 9
    kind, body = stream.data[head - 5], stream.data[head : head + 18]
    if kind == 1:
        if body[:2] not in (b"\0\x01", b"\0\x02", b"\0\x03", b"\0\x04", b"\0\x05"):
            return None
        if not any(body[2:].startswith(name[:16]) for name in _STARTUP):
            return None
    elif kind != 5 or stream.data[head - 4 : head] != b"\0\0\0\0"[: stream.size - head + 4]:
        return None

    def frame(reader: FieldReader) -> None:
        check(reader.take(1) == stream.data[:1])
        check(reader.number(1) <= 0x1F)
        reader.skip(1 if head == 8 else 2)
        check(reader.number(1) in (1, 5, 7, 9, 10, 11, 13, 15))
        reader.skip(reader.number(4))

    if not reads(frame, FieldReader(stream.data), stream.ended, 8):
        return None
    return Match("cassandra", "Cassandra (CQL)")


def memcached_binary(stream: Stream) -> Match | None:
    """Requests of 24 bytes with a key and a value behind them."""
    if stream.data[:1] not in (b"\x80", b"\x81") or not reads(
        _memcached_packet, FieldReader(stream.data), stream.ended, 16
    ):
        return None
    return Match("memcached_binary", "the memcached binary protocol")


def _memcached_packet(reader: FieldReader) -> None:
    reader.expect(b"\x80", b"\x81")
    check(reader.number(1) <= 0x49)
    key, extras, kind = reader.number(2), reader.number(1), reader.number(1)
    check(key <= 250 and extras <= 24 and kind == 0)
    reader.skip(2)
    total = reader.number(4)
    check(key + extras <= total <= 64 << 20)
    reader.skip(12 + total)


DATABASE_SIGNATURES: Final[tuple[Signature, ...]] = (
    postgres,
    mysql,
    mongodb,
    kafka,
    zookeeper,
    cassandra,
    memcached_binary,
)
