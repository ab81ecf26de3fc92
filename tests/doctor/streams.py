"""Streams with the truth, made from public formats with a seed.

Each maker returns streams of one kind with other bodies, sizes, offsets and ends on each call.
`KINDS` maps the name of a kind to its maker; `make_streams` draws from them.
"""

from __future__ import annotations

import json
import random
import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from app.core.framing import frame, header

MIB = 1 << 20
KEPT = 600
"""Bytes of a stream that are kept; a longer one goes on."""


@dataclass(frozen=True)
class Stream:
    """The first bytes of a connection, and what is true about them."""

    data: bytes
    codes: tuple[str, ...] = ()
    """Diagnoses that are right; empty if nothing is wrong or nothing can be known."""
    tolerated: tuple[str, ...] = ()
    """Names that are not wrong either."""
    ended: bool = False
    cap: int = MIB
    before: int = 0

    @property
    def allowed(self) -> frozenset[str]:
        return frozenset(self.codes + self.tolerated)


Maker = Callable[[random.Random], Stream]
WORDS = (
    "hello status of list accounts transfer from to ping get balance ready login order item user"
    " open close read write value name next done ok meter sensor data point queue worker task"
).split()
ACCENTED = ("café", "naïve", "über", "señor", "garçon", "façade", "Zürich", "Øresund", "smörgås")
KOREAN = ("안녕하세요", "네", "감사합니다", "계좌 이체", "잔액 조회", "서버", "확인")
EMOJI = ("done ✅", "next → 2", "🎉 party", "ok 👍", "fin", "wait … what", "5 € each")


def text_body(rng: random.Random) -> bytes:
    return " ".join(rng.choices(WORDS, k=rng.randint(1, 6))).encode()


def json_body(rng: random.Random) -> bytes:
    return json.dumps(
        {"id": rng.randint(1, 999), "op": rng.choice(WORDS), "v": [rng.random() for _ in range(2)]}
    ).encode()


def random_body(rng: random.Random) -> bytes:
    return rng.randbytes(rng.choice((rng.randint(5, 40), rng.randint(20, 200))))


def integer_body(rng: random.Random) -> bytes:
    return struct.pack(">HIQ", rng.randint(0, 9), rng.randint(0, 5000), rng.randint(0, 1 << 40))


BODIES = (text_body, text_body, json_body, random_body)


def bodies(rng: random.Random, low: int = 2, high: int = 6) -> list[bytes]:
    make = rng.choice((*BODIES, None))
    return [(make or rng.choice(BODIES))(rng) for _ in range(rng.randint(low, high))]


def right_frames(rng: random.Random, low: int = 0, high: int = 4) -> list[bytes]:
    made = bodies(rng, low, high) if high else []
    return [frame(body) for body in made]


def kept(stream: Stream) -> Stream:
    """The stream cut where a capture ends."""
    if len(stream.data) <= KEPT:
        return stream
    return replace(stream, data=stream.data[:KEPT], ended=False)


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


HEADERS: dict[str, Callable[[bytes], bytes]] = {
    "u32le": lambda body: struct.pack("<I", len(body)) + body,
    "u16be": lambda body: struct.pack(">H", len(body)) + body,
    "u16le": lambda body: struct.pack("<H", len(body)) + body,
    "u24be": lambda body: struct.pack(">I", len(body))[1:] + body,
    "u64be": lambda body: struct.pack(">Q", len(body)) + body,
    "u64le": lambda body: struct.pack("<Q", len(body)) + body,
    "counts_itself": lambda body: header(len(body) + 4) + body,
    "counts_itself_le": lambda body: struct.pack("<I", len(body) + 4) + body,
    "varint": lambda body: varint(len(body)) + body,
    "netstring": lambda body: b"%d:%s," % (len(body), body),
    "ascii_length": lambda body: b"%04d%s" % (len(body), body),
    "flag_u32be": lambda body: b"\0" + frame(body),
}
"""A frame in each framing."""
SEEM_RIGHT = {
    "u16be": ("u32be",),
    "u24be": ("u32be",),
    "u64be": ("u32be",),
    "counts_itself": ("long_length", "u32be"),
    "netstring": ("text_utf8", "ascii_length"),
    "ascii_length": ("text_utf8",),
}


def framing(code: str) -> Maker:
    """Streams in a framing: whole, cut, one frame, or behind right frames."""

    def make(rng: random.Random) -> Stream:
        wrap = HEADERS[code]
        if code == "ascii_length":
            form = rng.choice(
                (b"%04d%s", b"%04d%s", b"%06d%s", b"%08d%s", b"%4d%s", b"%d\n%s", b"%04x%s")
            )
            wrap = lambda body: form % (len(body), body)  # noqa: E731
        before = right_frames(rng, 1, 3) if rng.random() < 0.4 else []
        shape = rng.choice(("whole", "whole", "cut", "one"))
        made = bodies(rng, 1, 1) if shape == "one" else bodies(rng, 2, 5)
        data = b"".join(map(wrap, made))
        ended = rng.random() < 0.3
        if shape == "cut":
            data += wrap(random_body(rng))[: rng.randint(1, 40)]
            ended = False
        codes = (code, "grpc") if code == "flag_u32be" else (code,)
        return kept(
            Stream(
                b"".join(before) + data, codes, SEEM_RIGHT.get(code, ()), ended, before=len(before)
            )
        )

    return make


def extra(rng: random.Random) -> Stream:
    before = right_frames(rng, 1, 2) if rng.random() < 0.3 else []
    kind = rng.choice((b"\n", b"\r\n", b"\0", b"\n\0", None, None))
    made = bodies(rng, 1 if kind in (b"\n", b"\r\n") else 2, 5)
    data = b"".join(before)
    for body in made:
        data += frame(body) + (kind or struct.pack(">I", zlib.crc32(body)))
    codes = ("extra_bytes", "short_length")
    return kept(Stream(data, codes, (), rng.random() < 0.4, before=len(before) + 1))


def short_characters(rng: random.Random) -> Stream:
    texts = [rng.choice(rng.choice((ACCENTED, KOREAN, EMOJI))) for _ in range(rng.randint(2, 5))]
    if all(text.isascii() for text in texts):
        texts.append("café")
    is_utf16 = rng.random() < 0.3
    data, excess = b"", set()
    for text in texts:
        length = len(text.encode("utf-16-le")) // 2 if is_utf16 else len(text)
        body = text.encode()
        excess.add(len(body) - length)
        data += header(length) + body
    codes = ("short_length", "extra_bytes") if len(excess) == 1 else ("short_length",)
    return kept(Stream(data, codes, (), rng.random() < 0.3))


def short_constant(rng: random.Random) -> Stream:
    less = rng.randint(1, 4)
    made = [body + b"....." for body in bodies(rng, 2, 5)]
    data = b"".join(header(len(body) - less) + body for body in made)
    return kept(Stream(data, ("short_length", "extra_bytes"), (), rng.random() < 0.3))


def short_words(rng: random.Random) -> Stream:
    made = [body + b" " * (len(body) % 2) for body in bodies(rng, 2, 5)]
    data = b"".join(header(len(body) // 2) + body for body in made)
    codes = (
        ("short_length", "extra_bytes")
        if len({len(body) for body in made}) == 1
        else ("short_length",)
    )
    return kept(Stream(data, codes, (), rng.random() < 0.3))


def long(rng: random.Random) -> Stream:
    more = rng.choice((1, 1, 2, 3, 8))
    before = right_frames(rng, 1, 2) if rng.random() < 0.3 else []
    data = b"".join(header(len(body) + more) + body for body in bodies(rng, 2, 5))
    return kept(Stream(b"".join(before) + data, ("long_length",), ("u32be",), rng.random() < 0.3))


def interleaved(rng: random.Random) -> Stream:
    before = right_frames(rng, 0, 2)
    data = b"".join(before)
    for _ in range(rng.randint(1, 2)):
        one, two = rng.choice(BODIES)(rng), rng.choice(BODIES)(rng)
        data += header(len(one)) + header(len(two)) + one + two
        data += b"".join(right_frames(rng, 1, 2))
    return kept(Stream(data, ("interleaved",), (), rng.random() < 0.3, before=len(before)))


def buffer(rng: random.Random) -> Stream:
    size = rng.choice((64, 100, 128, 256, 512, 1000, 1024, 4096))
    data = b""
    for _ in range(rng.randint(1, 4)):
        data += frame(text_body(rng)[: size - 20]).ljust(size, b"\0")
    return kept(Stream(data, ("buffer_tail",), ("extra_bytes", "u32be"), rng.random() < 0.3))


def over_cap(rng: random.Random) -> Stream:
    cap = rng.choice((MIB, MIB, 1 << 16, 1000, 1 << 22))
    length = rng.choice(
        (
            cap + rng.randint(1, 40),
            cap * rng.choice((2, 3, 4, 5, 8, 16, 64)),
            (cap // MIB + rng.randint(1, 20)) * MIB,
            cap // 1000 * 1000 + 1000 * rng.randint(1, 9000),
            rng.randint(cap + 1, cap * 20),
        )
    )
    before = right_frames(rng, 0, 3)
    body = rng.choice((rng.randbytes(KEPT), (b"honest body, " * 60)[:KEPT]))
    shown = rng.choice((KEPT, rng.randint(0, KEPT)))
    data = b"".join(before) + header(length) + body[:shown]
    codes: tuple[str, ...] = ("over_cap",)
    if any(len(item) - 4 > cap for item in before):
        return over_cap(rng)
    little = int.from_bytes(header(length), "little")
    tolerated = ("u32le", "counts_itself_le") if not before and shown < little <= MIB else ()
    return kept(Stream(data, codes, tolerated, False, cap, len(before)))


FRAMED_KINDS: dict[str, Maker] = {
    **{code: framing(code) for code in HEADERS},
    "extra_bytes": extra,
    "short_characters": short_characters,
    "short_constant": short_constant,
    "short_words": short_words,
    "long_length": long,
    "interleaved": interleaved,
    "buffer_tail": buffer,
    "over_cap": over_cap,
}


def random_stream(rng: random.Random) -> Stream:
    return Stream(rng.randbytes(rng.randint(1, KEPT)), (), (), rng.random() < 0.3)


def prose(rng: random.Random) -> Stream:
    lines = []
    for _ in range(rng.randint(1, 12)):
        words = [
            rng.choice([*WORDS, "2024", "The", "I", "-", "a,", "b.", "GET", "5:", "x=1"])
            for _ in range(rng.randint(1, 9))
        ]
        lines.append(" ".join(words))
    text = rng.choice(("\n", "\r\n", " ")).join(lines) + rng.choice(("", "\n"))
    if rng.random() < 0.2:
        text += rng.choice(KOREAN + ACCENTED)
    return kept(Stream(text.encode(), ("text_utf8",), (), rng.random() < 0.3))


def right_stream(rng: random.Random) -> Stream:
    """Right frames, of every kind of body, cut anywhere."""
    kind = rng.choice((random_body, text_body, json_body, integer_body, None))
    data = b""
    for _ in range(rng.randint(1, 12)):
        body = (kind or rng.choice((*BODIES, integer_body)))(rng)
        data += frame(b"" if rng.random() < 0.08 else body)
    if rng.random() < 0.4:
        data = data[: rng.randint(1, len(data))]
    return kept(Stream(data, (), ("u32be",), rng.random() < 0.2))


def deceiving(rng: random.Random) -> Stream:
    """Right frames with bodies that look like headers."""
    data = b""
    for _ in range(rng.randint(1, 5)):
        inner = rng.choice(
            (
                lambda: b"".join(right_frames(rng, 1, 4)),
                lambda: b"".join(map(HEADERS[rng.choice(list(HEADERS))], bodies(rng, 1, 4))),
                lambda: header(rng.randint(0, 60)) * rng.randint(1, 12),
                lambda: bytes(rng.randint(0, 3)) + bytes([rng.randint(0, 40)]) * rng.randint(1, 30),
                lambda: struct.pack("<I", rng.randint(0, 90)) * rng.randint(1, 9),
                lambda: b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                lambda: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(60),
                lambda: bytes(rng.randint(1, 40)),
                lambda: rng.choice(KOREAN).encode(),
            )
        )()
        data += frame(inner)
    if rng.random() < 0.3:
        data = data[: rng.randint(1, len(data))]
    return kept(Stream(data, (), ("u32be",), rng.random() < 0.2))


QUIET_KINDS: dict[str, Maker] = {
    "random": random_stream,
    "right": right_stream,
    "deceiving": deceiving,
}


def draw(kinds: dict[str, Maker], each: int, seed: int) -> Iterable[tuple[str, Stream]]:
    """`each` streams of each kind."""
    for name, make in kinds.items():
        rng = random.Random(f"{name} {seed}")
        for _ in range(each):
            yield name, make(rng)
