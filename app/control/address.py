"""Addresses of control sockets: the values of ``--control``, and the private runtime directory."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Final

SUFFIX: Final = ".sock"
LONGEST_PATH: Final = 107
"""Bytes of a Unix socket's path; the kernel keeps one more for the end."""


class AddressError(Exception):
    """A control socket that cannot be used; the text is one line: what, why, what to do."""


class InUse(AddressError):
    """Another server listens there."""


def runtime_directory(environment: dict[str, str] | None = None) -> Path:
    """Return the directory of this user's default control sockets; it may not exist yet."""
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
    """Return the path of the default control socket of the server on that port."""
    return runtime_directory() / f"{port}{SUFFIX}"


def is_alive(path: Path) -> bool:
    """Return whether a process listens at a Unix socket; takes up to a second."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except (BlockingIOError, TimeoutError):
            return True  # its queue is full of others
        except OSError:
            return False
    return True


def find_running() -> list[Path]:
    """List the sockets in the runtime directory at which a server listens, by port."""
    directory = runtime_directory()
    if not _is_own(directory):
        return []
    found = [path for path in directory.glob(f"*{SUFFIX}") if is_alive(path)]
    return sorted(found, key=lambda path: (len(path.name), path.name))


def choose_socket(given: str | None) -> Path:
    """Find the control socket that ``--control`` of a client means: a path, a port, or nothing.

    With nothing given exactly one server must run. Raises `AddressError`.
    """
    if given:
        return default_path(int(given)) if given.isdecimal() else Path(given)
    found = find_running()
    if len(found) == 1:
        return found[0]
    if not found:
        raise AddressError(f"no server runs here: there is none in {runtime_directory()}")
    raise AddressError(f"{_several(found)}: choose one with --control {found[0].stem}")


def describe_running() -> str:
    """Name the servers in the runtime directory, in words."""
    found = find_running()
    if not found:
        return f"no server runs in {runtime_directory()}"
    if len(found) == 1:
        return f"one runs at --control {found[0].stem}"
    return _several(found)


def _several(found: list[Path]) -> str:
    ports = ", ".join(path.stem for path in found)
    return f"{len(found)} servers run here, on the ports {ports}"
