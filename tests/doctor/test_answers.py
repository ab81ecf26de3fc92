"""What a client says of a server's answer that is no echo."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from app.core.framing import frame
from app.doctor.answers import describe_answer

BODIES = [
    b"anyone?",
    *(b"abcd" * each for each in range(1, 6)),
    b"hello",
    b"x",
    bytes(range(256)),
    b"0123456789" * 300,
    b"\0\0\0\x05",
]
FRAMED: dict[str, Callable[[bytes], bytes]] = {
    "u32le": lambda body: len(body).to_bytes(4, "little") + body,
    "u16be": lambda body: len(body).to_bytes(2, "big") + body,
    "u64be": lambda body: len(body).to_bytes(8, "big") + body,
    "counts_itself": lambda body: (len(body) + 4).to_bytes(4, "big") + body,
    "flag_u32be": lambda body: b"\0" + frame(body),
    "netstring": lambda body: b"%d:%s," % (len(body), body),
    "ascii_length": lambda body: b"%d\n%s" % (len(body), body),
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("code", FRAMED)
def test_the_body_behind_another_header_is_known(code: str, body: bytes) -> None:
    words = describe_answer(FRAMED[code](body), body, ended=False)
    assert words.startswith("the body came back behind ")
    assert f"({code})" in words


@pytest.mark.parametrize("body", BODIES)
def test_a_body_without_a_header_is_known(body: bytes) -> None:
    assert describe_answer(body, body, ended=True) == "the body came back without a header"


@pytest.mark.parametrize("body", [b"", *BODIES])
def test_a_right_echo_says_nothing_wherever_it_is_cut(body: bytes) -> None:
    echo = frame(body)
    for cut in {*range(min(len(echo), 40)), len(echo) - 1, len(echo)}:
        for ended in (False, True):
            assert describe_answer(echo[:cut], body, ended) == "", (cut, ended)


def test_another_answer_in_right_frames_has_no_name() -> None:
    assert describe_answer(frame(b"no such command"), b"hello", ended=True) == ""
    assert describe_answer(frame(b"first") + frame(b"second"), b"hello", ended=False) == ""


def test_random_answers_have_no_name() -> None:
    chance = random.Random(5)
    for _ in range(3000):
        answer = chance.randbytes(chance.randrange(1, 60))
        assert describe_answer(answer, b"hello world", ended=True) == "", answer.hex()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", "http1"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "ssh"),
        (b"220 mail.example.org ESMTP Postfix\r\n", "smtp_like"),
        (b"-ERR unknown command\r\n", "redis"),
        (b"\x15\3\1\0\2\2\x46", "tls"),
        (b"AMQP\0\0\x09\1", "amqp"),
    ],
)
def test_another_protocol_is_named(answer: bytes, code: str) -> None:
    assert f"({code}" in describe_answer(answer, b"hello", ended=False)
