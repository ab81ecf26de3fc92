"""docs/control.md shows what is really sent: its bytes, its messages, its codes."""

from __future__ import annotations

import json
import re

import pytest

from app.cli.ctl.listing import OFFSETS
from app.cli.ctl.watching import KINDS
from app.control.protocol import (
    LARGEST_HELLO,
    LARGEST_MESSAGE,
    MOST_IDS,
    VERSION,
    Refused,
    read_from_server,
    read_to_server,
)
from app.control.server_side.follower import CAPACITY, DETAIL_CAPACITY, PAGE, memory_of
from app.control.server_side.service import MOST_CLIENTS
from app.core.events import Reason
from app.core.framing import FrameDecoder
from app.core.settings import MIB
from app.watch.columns import LISTED
from tests.making import closed, opened
from tests.program import ROOT

TEXT = (ROOT / "docs" / "control.md").read_text("utf-8")
LINES = [line.strip() for line in TEXT.splitlines() if line.startswith("    ")]
HEX = [line for line in LINES if re.match(r"([0-9a-f]{2} ){5}", line)]


def whole_messages() -> list[str]:
    """The JSON objects, also those over several lines, behind the hex of their first bytes."""
    found, joined = [], " ".join(LINES)
    for match in re.finditer("… (?={)", joined):
        _, end = json.JSONDecoder().raw_decode(joined, match.end())
        found.append(joined[match.end() : end])
    return found


def test_the_hex_is_the_frame_of_the_json_behind_it() -> None:
    inbox = FrameDecoder(1000)
    inbox.feed(bytes.fromhex(HEX[0]))
    body = inbox.next_body()
    assert body is not None
    assert read_to_server(body) is not None
    messages = whole_messages()
    assert len(messages) == len(HEX) - 1 == 4
    for shown, message in zip(HEX[1:], messages, strict=True):
        body = re.sub(r" (?=\")", "", message).encode()
        head = bytes.fromhex(shown.rstrip(" …"))
        assert (len(body).to_bytes(4, "big") + body).startswith(head)


@pytest.mark.parametrize("message", re.findall(r"`(\{\"type\":\"(?:hello|watch)\".*?\})`", TEXT))
def test_each_message_to_the_server_is_understood(message: str) -> None:
    assert read_to_server(message.encode())


def test_each_command_is_understood() -> None:
    commands = [line.split("}")[0] + "}" for line in LINES if line.startswith('{"command"')]
    assert len(commands) == 7
    for command in commands:
        assert read_to_server(f'{{"type":"do","command":{command}}}'.encode())


def test_each_message_of_the_server_is_one() -> None:
    answers = [message for message in whole_messages() if '"type":"do"' not in message]
    assert len(answers) == 3
    assert isinstance(read_from_server(answers[1].encode()), Refused)
    for answer in answers:
        assert read_from_server(answer.encode())


def test_names_and_limits_are_those_of_the_code() -> None:
    words = set(re.findall(r"[a-z_]+", TEXT))
    listed = {column.json_name for column in LISTED}
    assert {*listed, *OFFSETS, *KINDS} <= words
    for limit in (LARGEST_HELLO, LARGEST_MESSAGE, MOST_IDS, MOST_CLIENTS, DETAIL_CAPACITY, PAGE):
        assert f"{limit:,}" in TEXT
    assert f"up to {CAPACITY // MIB} MiB of events" in TEXT
    assert f"The protocol, version {VERSION}" in TEXT
    sizes = memory_of(opened(1)), round(memory_of(closed(1, Reason.EOF)), -2)
    assert "about {} bytes for an `opened`, {} for a `closed`".format(*sizes) in TEXT
