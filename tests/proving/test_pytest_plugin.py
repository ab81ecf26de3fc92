"""The pytest plugin: what a test of a client gets, and what a failing one shows."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from app.core.framing import frame, header
from app.core.settings import SettingError
from app.proving.pytest_plugin import EchoServer

pytest_plugins = ["pytester"]
OPTIONS = ("-p", "no:echo-tui", "-p", "app.proving.pytest_plugin", "-p", "no:cacheprovider")


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 5)


def test_a_server_is_there_and_tells_of_its_connections(echo_server: EchoServer) -> None:
    server = echo_server(cap=100)
    assert server.host == "127.0.0.1"
    assert (server.connections, server.closed) == ([], [])
    with connected(server.port) as client:
        client.sendall(frame(b"hello"))
        assert client.recv(9) == frame(b"hello")
        (one,) = server.connections
        assert (one["peer"], one["state"]) == ("{}:{}".format(*client.getsockname()), "READ_LEN")
        assert one["fault"] is None
        client.sendall(header(101))
        assert client.recv(1) == b""
    (one,) = server.wait_closed()
    assert (one["reason"], one["frames_in"], one["bytes_in"]) == ("frame_too_large", 1, 13)
    assert server.connections == []


def test_a_fault_is_done_and_told(echo_server: EchoServer) -> None:
    server = echo_server(fault="eof@3")
    with connected(server.port) as client:
        client.sendall(frame(b"hello"))
        assert client.recv(9, socket.MSG_WAITALL) == b"\0\0\0"
    (one,) = server.wait_closed()
    assert one["fault"]["spec"] == "eof@3"
    assert one["fault"]["done"][0]["byte"] == 3


def test_a_connection_can_be_killed(echo_server: EchoServer) -> None:
    server = echo_server()
    with connected(server.port) as client:
        while not server.connections:
            time.sleep(0.005)
        server.kill(server.connections[0]["id"], mode="reset")
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    assert server.wait_closed()[0]["reason"] == "killed"
    with pytest.raises(LookupError, match="no such connection"):
        server.kill(1)
    with pytest.raises(TimeoutError, match="1 of 2 connections"):
        server.wait_closed(2, timeout=0.02)


def test_two_servers_are_two(echo_server: EchoServer, session_echo_server: EchoServer) -> None:
    one, other = echo_server(), session_echo_server()
    assert one.port != other.port
    with connected(one.port):
        while not one.connections:
            time.sleep(0.005)
        assert other.connections == []


def test_a_wrong_setting_is_refused(echo_server: EchoServer) -> None:
    with pytest.raises(SettingError):
        echo_server(fault="slice=0")


def test_a_failure_shows_what_the_server_saw(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    pytester.makepyfile(
        """
        import socket

        def test_my_client(echo_server):
            server = echo_server()
            client = socket.create_connection((server.host, server.port), 2)
            client.sendall(b"\\x05\\0\\0\\0hello")
            assert client.recv(9) == b"\\x05\\0\\0\\0hello"

        def test_that_passes(echo_server):
            echo_server()

        def test_without_a_client(echo_server):
            echo_server()
            assert False
        """
    )
    result = pytester.runpytest_subprocess(*OPTIONS)
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*echo-tui at 127.0.0.1:*",
            "#1 127.0.0.1:*: *frame_too_large*",
            "*u32le: At offset 0 the header 05 00 00 00 *",
            "*last bytes that it sent: 05 00 00 00 68 65 6c 6c 6f*",
            "*echo-tui at 127.0.0.1:*",
            "no client has connected",
        ]
    )
