"""The socket's file: what it replaces, what it leaves alone, and who may see it."""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from app.control.address import (
    AddressError,
    InUse,
    TcpAddress,
    choose,
    default_path,
    is_alive,
    make_private,
    parse_tcp,
    running,
    runtime_directory,
)
from app.control.server_side.entrance import open_entrance
from app.control.server_side.listening import SocketFile, sweep


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tmp_path.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "echo-tui"


def stale(path: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_the_file_is_its_owners_alone_and_goes_with_the_socket(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        file = SocketFile(tmp_path / "new" / "s")
    finally:
        os.umask(before)
    with file.listener:
        assert mode(file.path) == 0o600
        assert mode(file.path.parent) == 0o700
        assert is_alive(file.path)
        assert list(file.path.parent.iterdir()) == [file.path]
        file.remove()
        assert not file.path.exists()
        file.remove()


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    path = stale(tmp_path / "s")
    file = SocketFile(path)
    with file.listener:
        assert is_alive(path)


def test_a_live_one_is_left_alone(tmp_path: Path) -> None:
    file = SocketFile(tmp_path / "s")
    with file.listener:
        with pytest.raises(InUse, match="another server listens"):
            SocketFile(tmp_path / "s")
        assert is_alive(file.path)


def test_one_that_ends_meanwhile_is_waited_for(tmp_path: Path) -> None:
    first = SocketFile(tmp_path / "s")
    ends = threading.Timer(0.05, first.listener.close)
    ends.start()
    second = SocketFile(tmp_path / "s")
    ends.join()
    with second.listener:
        first.remove()
        assert is_alive(second.path)  # the file of another is not the first one's to remove


@pytest.mark.parametrize("kind", ["file", "directory", "symlink", "fifo"])
def test_any_other_file_is_never_touched(tmp_path: Path, kind: str) -> None:
    path, target = tmp_path / "s", stale(tmp_path / "t")
    make: dict[str, Callable[[], object]] = {
        "file": lambda: path.write_text("precious"),
        "directory": path.mkdir,
        "symlink": lambda: path.symlink_to(target),
        "fifo": lambda: os.mkfifo(path),
    }
    make[kind]()
    before = path.lstat()
    with pytest.raises(AddressError, match="is no socket: it is left alone"):
        SocketFile(path)
    after = path.lstat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert target.exists()


def test_a_path_that_no_socket_can_have_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(AddressError, match="too long for a socket"):
        SocketFile(tmp_path / ("x" * 120))
    with pytest.raises(AddressError, match="cannot be made: No such file"):
        SocketFile(tmp_path / "no" / "such" / "s")


def test_a_directory_that_others_may_enter_is_not_private(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    with pytest.raises(AddressError, match="0700"):
        make_private(tmp_path / "open")
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(AddressError, match="0700"):
        make_private(tmp_path / "link")


def test_the_runtime_directory_is_the_users_or_a_private_one_in_tmp(runtime: Path) -> None:
    assert runtime_directory() == runtime
    private = Path(f"/tmp/echo-tui-{os.geteuid()}")
    for bad in ("", "relative", "/no/such/directory"):
        assert runtime_directory({"XDG_RUNTIME_DIR": bad}) == private
    assert default_path(9000) == runtime / "9000.sock"


def test_a_default_socket_sweeps_away_what_killed_servers_left(runtime: Path) -> None:
    runtime.mkdir(mode=0o700)
    left, other = stale(runtime / "1.sock"), runtime / "notes.sock"
    other.write_text("mine")
    entrance, note = open_entrance(None, None, 9000)
    assert entrance is not None
    assert (note, left.exists(), other.read_text()) == ("", False, "mine")
    sweep(runtime)
    assert running() == [runtime / "9000.sock"]
    entrance.close()
    assert running() == []


def test_where_no_default_socket_can_be_the_server_runs_without_and_says_why(
    runtime: Path,
) -> None:
    runtime.mkdir(mode=0o755)
    entrance, note = open_entrance(None, None, 9000)
    assert entrance is None
    assert note.startswith("no control socket: ")
    assert "0700" in note


def test_none_is_none() -> None:
    assert open_entrance("none", None, 9000) == (None, "")


def test_the_only_server_needs_no_naming_and_of_several_it_is_said_which(runtime: Path) -> None:
    with pytest.raises(AddressError, match="no server runs here"):
        choose(None)
    first, _ = open_entrance(None, None, 9000)
    assert first is not None
    assert choose(None) == runtime / "9000.sock"
    second, _ = open_entrance(None, None, 9001)
    assert second is not None
    with pytest.raises(AddressError, match="2 servers run here, on the ports 9000, 9001"):
        choose(None)
    assert choose("9001") == runtime / "9001.sock"
    assert choose("./9001") == Path("9001")
    first.close()
    second.close()


@pytest.mark.parametrize(
    "text", ["tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:0", "tcp://127.0.0.1:x", "tcp://::1"]
)
def test_a_tcp_address_has_a_port(text: str) -> None:
    with pytest.raises(AddressError, match="PORT"):
        parse_tcp(text)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org", "", "[::]"])
def test_tcp_is_for_loopback_only(host: str) -> None:
    with pytest.raises(AddressError, match="loopback"):
        parse_tcp(f"tcp://{host}:9100")


def test_loopback_has_two_families() -> None:
    assert parse_tcp("tcp://127.0.0.1:9100") == TcpAddress("127.0.0.1", 9100)
    assert str(parse_tcp("tcp://[::1]:9100")) == "tcp://[::1]:9100"
    assert parse_tcp("/run/x.sock") is None
    assert parse_tcp("./127.0.0.1:9100") is None
    assert parse_tcp("TCP://localhost:9100") == TcpAddress("127.0.0.1", 9100)


@pytest.mark.parametrize("text", ["127.0.0.1:9100", "localhost:9100", "[::1]:9100", ":9100"])
def test_what_is_hardly_meant_as_a_file_is_asked_about(text: str) -> None:
    with pytest.raises(AddressError, match=r"write tcp://127\.0\.0\.1:PORT for TCP, or \./"):
        parse_tcp(text)


def test_tcp_needs_a_token_that_only_its_owner_may_read(tmp_path: Path) -> None:
    with pytest.raises(AddressError, match="needs a token"):
        open_entrance("tcp://127.0.0.1:9100", None, 9000)
    file = tmp_path / "token"
    with pytest.raises(AddressError, match="No such file"):
        open_entrance("tcp://127.0.0.1:9100", file, 9000)
    file.write_text("a" * 32)
    file.chmod(0o644)
    with pytest.raises(AddressError, match="chmod 600"):
        open_entrance("tcp://127.0.0.1:9100", file, 9000)
    file.chmod(0o600)
    file.write_text("short")
    with pytest.raises(AddressError, match="16 to"):
        open_entrance("tcp://127.0.0.1:9100", file, 9000)
    with pytest.raises(AddressError, match="for --control tcp"):
        open_entrance(None, file, 9000)
