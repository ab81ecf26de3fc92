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
    as_option,
    choose_socket,
    default_path,
    find_running,
    is_alive,
    make_private,
    runtime_directory,
)
from app.control.server_side import listening
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
        file.close()
        assert not file.path.exists()
        file.close()


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
        first.close()
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
    entrance, note = open_entrance(None, 9000)
    assert entrance is not None
    assert (note, left.exists(), other.read_text()) == ("", False, "mine")
    sweep(runtime)
    assert find_running() == [runtime / "9000.sock"]
    entrance.close()
    assert find_running() == []


def test_a_server_that_stops_during_a_sweep_disturbs_no_start(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It removes its own file at any moment: before the sweep looks at it, or after."""
    runtime.mkdir(mode=0o700)
    for name in ("1.sock", "2.sock", "3.sock"):
        stale(runtime / name)

    def stops_meanwhile(path: Path) -> bool:
        for left in runtime.glob("[123].sock"):
            left.unlink()
        return False

    monkeypatch.setattr(listening, "is_alive", stops_meanwhile)
    file, note = open_entrance(None, 9000)
    assert note == ""
    assert file is not None
    file.close()


def test_a_second_close_leaves_the_file_of_the_next_server(tmp_path: Path) -> None:
    """Also where the file system gives it the same inode number, as ext4 does."""
    file = SocketFile(tmp_path / "s")
    os.link(file.path, tmp_path / "same inode")
    file.close()
    (tmp_path / "same inode").rename(file.path)
    file.close()
    assert file.path.exists()


def test_where_no_default_socket_can_be_the_server_runs_without_and_says_why(
    runtime: Path,
) -> None:
    runtime.mkdir(mode=0o755)
    entrance, note = open_entrance(None, 9000)
    assert entrance is None
    assert note.startswith("no control socket: ")
    assert "0700" in note


def test_none_is_none() -> None:
    assert open_entrance("none", 9000) == (None, "")


def test_the_only_server_needs_no_naming_and_of_several_it_is_said_which(runtime: Path) -> None:
    with pytest.raises(AddressError, match="no server runs here"):
        choose_socket(None)
    first, _ = open_entrance(None, 9000)
    assert first is not None
    assert choose_socket(None) == runtime / "9000.sock"
    second, _ = open_entrance(None, 9001)
    assert second is not None
    with pytest.raises(AddressError, match="2 servers run here, on the ports 9000, 9001"):
        choose_socket(None)
    assert choose_socket("9001") == runtime / "9001.sock"
    assert choose_socket("./9001") == Path("9001")
    first.close()
    second.close()


@pytest.mark.parametrize("given", ["9000", "900/x.sock", "./9000", "9000.sock"])
def test_a_socket_is_written_as_the_option_that_leads_to_it(
    given: str, runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = choose_socket(given)
    option = as_option(path)
    monkeypatch.chdir("/")
    assert choose_socket(option) == tmp_path / path
    assert (option == "9000") == (given == "9000")
