"""Where control sockets are: what ``--control`` may say, and the private runtime directory."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import stat
from pathlib import Path
from typing import Final, NamedTuple

SUFFIX: Final = ".sock"
LONGEST_PATH: Final = 107
"""Bytes of a Unix socket's path; the kernel keeps one more for the end."""


_LIKE_TCP: Final = re.compile(r"(\[[0-9a-fA-F:.]*\]|[0-9.]*|localhost):[0-9]+")
"""What is hardly meant as the name of a file."""


LOCALHOST: Final = {"localhost": "127.0.0.1"}


class AddressError(Exception):
    """A control socket that cannot be used; the text is one line: what, why, what to do."""


class InUse(AddressError):
    """Another server listens there."""


class TcpAddress(NamedTuple):
    """``tcp://HOST:PORT`` on loopback."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port}"


def parse_tcp(text: str) -> TcpAddress | None:
    """Read ``tcp://127.0.0.1:PORT``; None for what is a path. Raises `AddressError`."""
    if not text.lower().startswith("tcp://"):
        if _LIKE_TCP.fullmatch(text):
            raise AddressError(
                f"--control {text}: write tcp://127.0.0.1:PORT for TCP, or ./{text} for a file"
            )
        return None
    host, _, port = text[len("tcp://") :].rpartition(":")
    host = host.strip("[]")
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise AddressError(f"--control {text}: write tcp://127.0.0.1:PORT, with PORT 1 to 65,535")
    try:
        is_loopback = ipaddress.ip_address(LOCALHOST.get(host, host)).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise AddressError(
            f"--control {text}: {host or 'no host'} is not a loopback address: write"
            " tcp://127.0.0.1:PORT, and reach it from elsewhere through an SSH tunnel"
        )
    return TcpAddress(LOCALHOST.get(host, host), int(port))


def runtime_directory(environment: dict[str, str] | None = None) -> Path:
    """Where the default sockets of this user's servers are; it may not exist yet."""
    variables = os.environ if environment is None else environment
    given = variables.get("XDG_RUNTIME_DIR", "")
    if given.startswith("/") and _is_own(Path(given)):
        return Path(given) / "echo-tui"
    return Path("/tmp") / f"echo-tui-{os.geteuid()}"


def _is_own(directory: Path) -> bool:
    try:
        found = directory.stat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def make_private(directory: Path) -> None:
    """Create a directory for this user only, or make sure that it is. Raises `AddressError`."""
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        pass  # it is judged below like one that was made by now
    except OSError as error:
        raise AddressError(f"{directory}: cannot be made: {error.strerror}") from None
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise AddressError(f"{directory} is not a directory of this user alone (mode 0700)")


def default_path(port: int) -> Path:
    """The default control socket of the server on that port."""
    return runtime_directory() / f"{port}{SUFFIX}"


def is_alive(path: Path) -> bool:
    """Whether somebody listens at a Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except (BlockingIOError, TimeoutError):
            return True  # its queue is full of others
        except OSError:
            return False
    return True


def running() -> list[Path]:
    """The control sockets in the runtime directory at which a server listens, by port."""
    directory = runtime_directory()
    if not _is_own(directory):
        return []
    found = [path for path in directory.glob(f"*{SUFFIX}") if is_alive(path)]
    return sorted(found, key=lambda path: (len(path.name), path.name))


def choose(given: str | None) -> Path | TcpAddress:
    """The server that ``--control`` of a client means: a path, a port, ``tcp://…``, or nothing.

    With nothing given there must be exactly one server. Raises `AddressError`.
    """
    if given:
        tcp = parse_tcp(given)
        if tcp is not None:
            return tcp
        return default_path(int(given)) if given.isdecimal() else Path(given)
    found = running()
    if len(found) == 1:
        return found[0]
    if not found:
        raise AddressError(f"no server runs here: there is none in {runtime_directory()}")
    raise AddressError(f"{_several(found)}: choose one with --control {found[0].stem}")


def who_runs() -> str:
    """The servers in the runtime directory, in words."""
    found = running()
    if not found:
        return f"no server runs in {runtime_directory()}"
    if len(found) == 1:
        return f"one runs at --control {found[0].stem}"
    return _several(found)


def _several(found: list[Path]) -> str:
    ports = ", ".join(path.stem for path in found)
    return f"{len(found)} servers run here, on the ports {ports}"
