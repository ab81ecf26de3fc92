"""A recording holds the bytes of peers if that was asked for, and only then."""

from __future__ import annotations

import base64
import json
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from app.core.framing import frame
from tests.peers import exchange, read_to_end
from tests.program import Headless, run

SECRET = b"GET /secret HTTP/1.1\r\nHost: x\r\n\r\n"
PING = frame(b"pinged")


def recorded(path: Path, *options: str) -> list[dict[str, Any]]:
    """Record a refused client and one that ends in order; return the events of the recording."""
    with Headless("--record", str(path), *options) as server:
        for sent in (SECRET, PING):
            with socket.create_connection(("127.0.0.1", server.port), 10) as client:
                client.sendall(sent)
                if sent is PING:
                    assert exchange(client, [], len(PING)) == PING
                    client.shutdown(socket.SHUT_WR)
                read_to_end(client)
        code, _, errors = server.end(signal.SIGTERM)
    assert (code, errors) == (0, "")
    lines = run("replay", "--json", str(path)).stdout.splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("workers", ["0", "2"])
def test_the_kept_bytes_follow_each_close(tmp_path: Path, workers: str) -> None:
    events = recorded(tmp_path / "a.rec", "--record-payload", "--workers", workers)
    kept = {each["id"]: each for each in events if each["event"] == "kept_bytes"}
    closed = {each["reason"]: each for each in events if each["event"] == "closed"}
    assert sorted(closed) == ["eof", "frame_too_large"]
    for reason, sent in (("frame_too_large", SECRET), ("eof", PING)):
        end = closed[reason]
        told = kept[end["id"]]
        assert [base64.b64decode(piece["data"]) for piece in told["pieces"]] == [sent]
        assert (told["size"], told["t"]) == (len(sent), end["t"])


def test_there_are_none_unless_they_are_asked_for(tmp_path: Path) -> None:
    events = recorded(tmp_path / "a.rec")
    assert "closed" in {each["event"] for each in events}
    assert "kept_bytes" not in {each["event"] for each in events}


def test_there_are_none_where_none_are_kept(tmp_path: Path) -> None:
    events = recorded(tmp_path / "a.rec", "--record-payload", "--capture", "0")
    pieces = [each["pieces"] for each in events if each["event"] == "kept_bytes"]
    assert not any(pieces)
