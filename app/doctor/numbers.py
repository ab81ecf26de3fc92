"""Readings of a length that somebody was told: a number in an error message, or four bytes.

A number alone proves little. Each reading has its evidence in bits: how improbable the 4 bytes
would be if they were chance, less what the reading leaves open.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from ..core.diagnosis import MOST_ALSO, Diagnosis
from ..core.framing import HEADER_SIZE, MAX_LENGTH
from ..core.printable import printable
from ..core.words.language import Sentence, compose, join_texts
from .evidence import length_bits
from .hypotheses import over_cap_bits
from .words import spell_bytes

_SURE: Final = 14.0
"""Evidence, in bits, from which a reading is named."""
_NEAR: Final = 8.0
"""Readings nearer than this to the best one are named beside it."""
_ALL_BITS: Final = 32.0
_NO_PROOF: Final = compose("A number alone is no proof: look at the bytes behind it.")

_HTTP_VERBS: Final = "GET |POST|PUT |HEAD|DELE|OPTI|PATC|TRAC|PROP|CONN".split("|")
"""The first 4 bytes of HTTP requests."""
_BEGINNINGS: Final = (
    (b"HTTP", "http1", "the first bytes of an HTTP response"),
    *((verb.encode(), "http1", "the first bytes of an HTTP request") for verb in _HTTP_VERBS),
    (b"PRI ", "http2", "the first bytes of an HTTP/2 client"),
    (b"SSH-", "ssh", "the first bytes of an SSH banner"),
    (b"RTSP", "rtsp", "the first bytes of an RTSP answer"),
    (b"PROX", "proxy_v1", "the first bytes of the PROXY protocol, version 1"),
    (b"\r\n\r\n", "proxy_v2", "the first bytes of the PROXY protocol, version 2, or two line ends"),
    (b"STOM", "stomp", "the first bytes of a STOMP client"),
    (b"Cont", "lsp", "the first bytes of Content-Length"),
    (b"EHLO", "smtp_like", "the first bytes of an SMTP client"),
    (b"HELO", "smtp_like", "the first bytes of an SMTP client"),
    (b"220 ", "smtp_like", "the first bytes of the greeting of a mail or FTP server"),
    (b"220-", "smtp_like", "the first bytes of the greeting of a mail or FTP server"),
    (b"PING", "redis", "a Redis command"),
    (b"+OK\r", "redis", "the answer of a Redis server"),
    (b"get ", "memcached", "the first bytes of a memcached command"),
    (b"set ", "memcached", "the first bytes of a memcached command"),
    (b"AMQP", "amqp", "the first bytes of an AMQP client"),
    (b"\x13Bit", "bittorrent", "the first bytes of BitTorrent"),
    (b"\x80\x01\0\x01", "thrift", "the first bytes of a Thrift call without a frame"),
    (b"\xac\xed\0\x05", "java_serialization", "the first bytes of Java's ObjectOutputStream"),
    (b"l\0\x0b\0", "x11", "the first bytes of an X11 client"),
    (b"\xfeSMB", "smb", "the first bytes of an SMB message"),
    (b"\xffSMB", "smb", "the first bytes of an SMB message"),
)
_SHORT_BEGINNINGS: Final = (
    (b"\x1f\x8b\x08", "gzip", "the first bytes of a gzip file", 4.0),
    (b"\x16\x03", "tls", "the first bytes of a TLS handshake: a TLS client on a plain port", 6.0),
    (b"\x15\x03", "tls", "the first bytes of a TLS alert", 8.0),
    (b"\x17\x03", "tls", "the first bytes of a TLS record", 8.0),
    (b'{"', "json_lines", "the first bytes of a JSON object", 14.0),
    (b"[{", "json_lines", "the first bytes of a JSON array", 14.0),
    (b"\xff\xfe", "text_utf16", "a byte order mark of UTF-16", 16.0),
    (b"\xef\xbb\xbf", "text_utf8", "a byte order mark of UTF-8", 8.0),
    (b"<?xm", "text_utf8", "the first bytes of XML", 4.0),
)
"""Beginnings, with the bits that stay open."""


class Reading(NamedTuple):
    """One thing that a number may be."""

    code: str
    """Empty, if it is no fault."""
    bits: float
    words: str


def explain_number(number: int, cap: int) -> Diagnosis:
    """Say what a length of `number` bytes most probably is. Pure; any thread may call it.

    The `code` is empty if the number is a right length within `cap`, or if nothing is likely.
    """
    if number > MAX_LENGTH:
        return _explain_long_number(number, cap)
    header = number.to_bytes(HEADER_SIZE, "big")
    fact = _spell_readings(number, header)
    found = sorted(_readings(header, cap), key=lambda reading: -reading.bits)
    if number <= cap:
        text = compose(
            "{fact} It is a right length, within the CAP of {cap:,} bytes.", fact=fact, cap=cap
        )
        others = [reading for reading in found if reading.bits >= _SURE]
        if number and others:
            text = compose(
                "{text} Read otherwise, it could also be {words}.",
                text=text,
                words=_list_words(others),
            )
        return Diagnosis("", text, (), 0, header.hex(), "u32be: a right length")
    fact = compose("{fact} As it stands it is over the CAP of {cap:,} bytes.", fact=fact, cap=cap)
    likely = [reading for reading in found if reading.bits >= _SURE]
    if not likely:
        return Diagnosis("", _say_unlikely(fact, found), (), 0, header.hex(), "")
    best = likely[0]
    also = list(
        dict.fromkeys(
            reading.code
            for reading in likely[1:]
            if reading.bits >= best.bits - _NEAR and reading.code != best.code
        )
    )[:MOST_ALSO]
    sure = "Probably it is {words}." if also else "Most probably it is {words}."
    parts = [fact, compose(sure, words=best.words)]
    if len(likely) > 1:
        parts.append(compose("Less likely: {words}.", words=_list_words(likely[1:])))
    parts.append(_NO_PROOF)
    return Diagnosis(best.code, join_texts(parts), tuple(also), 0, header.hex(), str(best.words))


def _spell_readings(number: int, header: bytes) -> Sentence:
    less = compose("; less 4 (Netty counts the header) {number:,}", number=number - 4)
    return compose(
        "{number:,} is {spelt} as 4 bytes, big-endian; with the bytes swapped {swapped:,}{less};"
        " as text '{text}'.",
        number=number,
        spelt=spell_bytes(header),
        swapped=int.from_bytes(header, "little"),
        less=less if number >= 4 else "",
        text=printable(header),
    )


def _say_unlikely(fact: str, found: list[Reading]) -> Sentence:
    if found and found[0].bits > 0:
        return compose(
            "{fact} Nothing is likely; possible is {words}.", fact=fact, words=_list_words(found)
        )
    return compose("{fact} No reading of it is likely.", fact=fact)


def _list_words(readings: list[Reading]) -> Sentence:
    return join_texts(dict.fromkeys(reading.words for reading in readings[:3]), "; or ")


def _explain_long_number(number: int, cap: int) -> Diagnosis:
    if number >= 1 << 64:
        text = compose("{number:,} does not fit into 8 bytes: it is no length.", number=number)
        return Diagnosis("", text, (), 0, "", "")
    header = number.to_bytes(8, "big")
    fact = compose(
        "{number:,} is {spelt} as 8 bytes, big-endian; it does not fit into 4.",
        number=number,
        spelt=spell_bytes(header),
    )
    swapped = int.from_bytes(header, "little")
    if swapped <= cap:
        length = compose("an 8-byte little-endian length of {length:,}", length=swapped)
        text = compose("{fact} Most probably it is {words}.", fact=fact, words=length)
        return Diagnosis("u64le", text, (), 0, header.hex(), str(length))
    if any(header.startswith(start) for start, _, _ in _BEGINNINGS):
        _start, code, words = next(entry for entry in _BEGINNINGS if header.startswith(entry[0]))
        named = compose("{words} ('{text}')", words=words, text=printable(header))
        text = compose("{fact} Most probably it is {words}.", fact=fact, words=named)
        return Diagnosis(code, text, (), 0, header.hex(), words)
    return Diagnosis("", _say_unlikely(fact, []), (), 0, header.hex(), "")


def _readings(header: bytes, cap: int) -> Iterator[Reading]:
    number = int.from_bytes(header, "big")
    yield from _known_bytes(header, 0.0, "")
    yield from _known_bytes(header[::-1], 4.0, ", read by a little-endian reader")
    if number >= HEADER_SIZE:
        less = (number - HEADER_SIZE).to_bytes(HEADER_SIZE, "big")
        note = " (less 4, as Netty counts)"
        known = {reading.code for reading in _known_bytes(header, 0.0, "")}
        for reading in _known_bytes(less, 3.0, note):
            if reading.code not in known:
                yield reading
        swapped = int.from_bytes(less, "little")
        if 0 < swapped <= cap:
            bits = _ALL_BITS - length_bits(swapped) - 5.0
            words = compose("a little-endian length of {length:,}{note}", length=swapped, note=note)
            yield Reading("u32le", bits, words)
    swapped = int.from_bytes(header, "little")
    if 0 < swapped <= cap:
        words = compose("a little-endian length of {length:,} (u32le)", length=swapped)
        yield Reading("u32le", _ALL_BITS - length_bits(swapped) - 2.0, words)
        if swapped > 4:
            words = compose(
                "a little-endian length of {length:,} that counts its own 4 bytes", length=swapped
            )
            bits = _ALL_BITS - length_bits(swapped) - 11.0
            yield Reading("counts_itself_le", bits, words)
    if number > cap:
        words = compose("an honest body of {size:,} bytes over the CAP (over_cap)", size=number)
        yield Reading("over_cap", _ALL_BITS - over_cap_bits(number, cap), words)
        if number - cap <= HEADER_SIZE:
            words = compose(
                "a body of {size:,} bytes with a length that counts its own 4 bytes",
                size=number - 4,
            )
            yield Reading("counts_itself", 20.0, words)
    yield from _shifted(header)
    yield from _text(header)


def _known_bytes(header: bytes, against: float, note: str) -> Iterator[Reading]:
    for start, code, words in _BEGINNINGS:
        if header == start:
            named = compose(
                "{words} ('{text}'){note}", words=words, text=printable(start), note=note
            )
            yield Reading(code, 30.0 - against, named)
    for start, code, words, left in _SHORT_BEGINNINGS:
        if header.startswith(start) and (code != "tls" or header[2] <= 4):
            named = compose("{words}{note}", words=words, note=note)
            yield Reading(code, 30.0 - left - against, named)
    if header[:1] == b"*" and header[1:2].isdigit() and header[2:] == b"\r\n":
        words = compose("the first bytes of a Redis client{note}", note=note)
        yield Reading("redis", 26.0 - against, words)


def _shifted(header: bytes) -> Iterator[Reading]:
    """A right header that is read too early: something stands before it."""
    for start, name in ((b"\r\n", "a line end (CR, LF)"), (b"\n", "a newline")):
        rest = header[len(start) :]
        if header.startswith(start) and not rest.strip(b"\0"):
            words = compose(
                "{name} behind a body, and the first bytes of the next header", name=name
            )
            yield Reading("extra_bytes", 8.0 * HEADER_SIZE - 8.0, words)
    size, text = header[0], header[1:]
    if 0 < size < 128 and _is_words(text):
        words = compose(
            "a 1-byte length of {size} and the text '{text}'", size=size, text=printable(text)
        )
        yield Reading("varint", 8.0, words)
    size, text = int.from_bytes(header[:2], "big"), header[2:]
    if 0 < size < 4096 and _is_words(text):
        words = compose(
            "a 2-byte length of {size:,} and the text '{text}'", size=size, text=printable(text)
        )
        yield Reading("u16be", 11.0, words)


def _is_words(text: bytes) -> bool:
    return text.isascii() and all(chr(byte).isalnum() or byte in b' {["<' for byte in text)


def _text(header: bytes) -> Iterator[Reading]:
    if not all(32 <= byte < 127 or byte in b"\t\r\n" for byte in header):
        return
    shown = printable(header)
    if header.isdigit():
        words = compose("the digits '{text}', a length written as text", text=shown)
        yield Reading("ascii_length", 16.0, words)
    elif header[:1].isdigit() and b":" in header:
        words = compose("the text '{text}', as a netstring begins", text=shown)
        yield Reading("netstring", 17.0, words)
    yield Reading("text_utf8", 15.0, compose("the text '{text}'", text=shown))
