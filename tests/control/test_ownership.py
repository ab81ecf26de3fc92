"""The control socket is its owner's alone: what another user has made is not used, nor touched."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.control.address import AddressError, InUse, choose_socket, describe_running, find_running
from app.control.client_side import control_client
from app.control.client_side.control_client import Link, NotOurs, hello
from app.control.server_side import listening
from app.control.server_side.entrance import open_entrance
from app.control.server_side.listening import SocketFile, sweep
from tests.cli.ctl_runs import ctl

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of this test's runtime directory, which does not exist yet."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "echo-tui"


def of_nobody(path: Path) -> None:
    path.mkdir(mode=0o700)
    os.chown(path, NOBODY, NOBODY)


def link_of_nobody(path: Path) -> None:
    target = path.with_name("target")
    target.mkdir(mode=0o700)
    path.symlink_to(target)
    os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(of_nobody, marks=as_root),
        pytest.param(link_of_nobody, marks=as_root),
        lambda path: path.mkdir(mode=0o777) or path.chmod(0o777),
        lambda path: path.symlink_to(path.parent),
        lambda path: path.symlink_to(path.parent / "nowhere"),
        lambda path: path.write_text("a file"),
    ],
)
def test_a_runtime_directory_that_is_not_ours_alone_is_refused_by_both_sides(
    runtime: Path, make: Callable[[Path], object]
) -> None:
    make(runtime)
    entrance, note = open_entrance(None, 9000)
    assert entrance is None
    assert note.startswith(f"no control socket: {runtime} is not a directory of this user alone")
    for refused in (
        lambda: open_entrance("9000", 9000),
        find_running,
        lambda: choose_socket(None),
        lambda: choose_socket("9000"),
    ):
        with pytest.raises(AddressError, match="is not a directory of this user alone") as told:
            refused()
        assert "\n" not in str(told.value)
    assert "is not a directory of this user alone" in describe_running()


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(of_nobody, marks=as_root),
        pytest.param(link_of_nobody, marks=as_root),
        lambda path: path.mkdir() or path.chmod(0o777),
    ],
)
def test_a_path_in_a_directory_that_others_control_is_refused_by_both_sides(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    make(tmp_path / "d")
    with pytest.raises(AddressError, match="choose another directory"):
        open_entrance(str(tmp_path / "d" / "s"), 9000)
    with pytest.raises(AddressError, match="choose another directory"):
        choose_socket(str(tmp_path / "d" / "s"))


def test_a_sticky_directory_is_fine(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    path = tmp_path / "tmp" / "s"
    with SocketFile(path).listener:
        assert choose_socket(str(path)) == path


def test_a_client_tells_another_users_socket_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SocketFile(tmp_path / "s").listener as listener:
        monkeypatch.setattr(control_client, "peer_uid", lambda _sock: NOBODY)
        with pytest.raises(NotOurs, match=f"is the socket of user {NOBODY}, and you are"):
            Link(tmp_path / "s", hello("test"))
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.recv(100) == b""


@pytest.mark.slow
@as_root
def test_a_real_socket_of_another_user_is_refused_in_one_line() -> None:
    path = Path(f"/tmp/echo-tui-stranger-{os.getpid()}")
    code = (
        "import os, socket, sys; os.setgid(65534); os.setuid(65534)\n"
        "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); os.chmod(sys.argv[1], 0o777)\n"
        "s.listen(); print('ready', flush=True); sys.stdin.read()"
    )
    stranger = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert stranger.stdout is not None
        stranger.stdout.readline()
        ended = ctl("list", "--control", str(path))
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr == (
            f"echo-tui: {path} is the socket of user {NOBODY}, and you are user 0: it is not used\n"
        )
        with pytest.raises(AddressError, match="belongs to another user"):
            SocketFile(path)
    finally:
        stranger.communicate(timeout=10)
        path.unlink()


def test_a_lock_of_somebody_else_stops_no_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "LOCK_WITHIN", 0.05)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with SocketFile(tmp_path / "s").listener:
            assert (tmp_path / "s").is_socket()
    finally:
        os.close(descriptor)


@pytest.fixture(params=[socket.SOCK_DGRAM, socket.SOCK_SEQPACKET], ids=["dgram", "seqpacket"])
def live(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The path of a live socket of another type."""
    path = tmp_path / "other.sock"
    with socket.socket(socket.AF_UNIX, request.param) as sock:
        sock.bind(os.fspath(path))
        yield path


def test_a_live_socket_of_another_type_is_never_touched(live: Path) -> None:
    before = live.lstat().st_ino
    with pytest.raises(InUse):
        SocketFile(live)
    sweep(live.parent)
    assert live.lstat().st_ino == before


@pytest.mark.parametrize("kind", ["file", "symlink", "socket", "stale"])
def test_what_is_beside_the_path_is_never_touched(tmp_path: Path, kind: str) -> None:
    beside = tmp_path / "s.new"
    with socket.socket(socket.AF_UNIX) as sock:
        if kind == "file":
            beside.write_text("precious")
        elif kind == "symlink":
            beside.symlink_to(tmp_path / "nowhere")
        else:
            sock.bind(os.fspath(beside))
        if kind == "stale":
            sock.close()
        before = beside.lstat()
        file = SocketFile(tmp_path / "s")
        with file.listener:
            assert beside.lstat() == before
            assert sorted(tmp_path.iterdir()) == [tmp_path / "s", beside]
            file.close()
        assert beside.lstat() == before


def test_a_start_that_fails_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_path: Path, _target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(AddressError, match="No space left"):
        SocketFile(tmp_path / "s")
    assert not list(tmp_path.iterdir())
