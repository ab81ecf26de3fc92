"""Addresses of control sockets: the values of ``--control``, and the private runtime directory."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Final

from ..core.printable import reason_of

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
        raise AddressError(f"{directory}: cannot be made: {reason_of(error)}") from None
    require_private(directory)


def require_private(directory: Path) -> None:
    """Make sure that a directory is this user's alone; a symlink is not. Raises `AddressError`."""
    try:
        found = directory.lstat()
    except OSError as error:
        raise AddressError(f"{directory}: {reason_of(error)}") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise AddressError(
            f"{directory} is not a directory of this user alone (mode 0700): it is not used; remove"
            " it, or set XDG_RUNTIME_DIR"
        )


def require_trusted(directory: Path) -> None:
    """Make sure that no stranger can put a socket of his own into a directory in our place.

    It must be this user's or root's, and everybody may write into it only if it is sticky, as /tmp
    is. Its group may, as umask 002 makes such directories for a user who is alone in his group. A
    directory that does not exist is fine. Raises `AddressError`.
    """
    try:
        link, found = directory.lstat(), directory.stat()
    except OSError:
        return  # whoever uses it finds out why
    trusted = (os.geteuid(), 0)
    if link.st_uid not in trusted or found.st_uid not in trusted:
        raise AddressError(f"{directory} belongs to another user: choose another directory")
    if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
        raise AddressError(f"every user may write into {directory}: choose another directory")


def default_path(port: int) -> Path:
    """Return the path of the default control socket of the server on that port."""
    return runtime_directory() / f"{port}{SUFFIX}"


def as_option(path: Path) -> str:
    """Return what ``--control`` takes for the socket at `path`: its port if it is a default one."""
    is_default = path.stem.isdecimal() and path == default_path(int(path.stem))
    return path.stem if is_default else os.path.abspath(path)


def is_alive(path: Path) -> bool:
    """Return whether a process has a Unix socket of any type there; takes up to a second.

    A path at which there is none, or one that may not be asked, counts as taken: only ECONNREFUSED
    says that nobody is there any more (EPROTOTYPE: a live socket of another type).
    """
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True  # among others: its queue is full
    return True


def find_running() -> list[Path]:
    """List the sockets in the runtime directory at which a server listens, by port.

    Raises `AddressError` if the directory is not this user's alone.
    """
    directory = runtime_directory()
    if not os.path.lexists(directory):
        return []
    require_private(directory)
    found = [path for path in directory.glob(f"*{SUFFIX}") if is_alive(path)]
    return sorted(found, key=lambda path: (len(path.name), path.name))


def choose_socket(given: str | None) -> Path:
    """Find the control socket that ``--control`` of a client means: a path, a port, or nothing.

    With nothing given exactly one server must run. Raises `AddressError`.
    """
    if given and given.isdecimal():
        if os.path.lexists(runtime_directory()):
            require_private(runtime_directory())
        return default_path(int(given))
    if given:
        require_trusted(Path(given).absolute().parent)
        return Path(given)
    found = find_running()
    if len(found) == 1:
        return found[0]
    if not found:
        raise AddressError(f"no server runs here: there is none in {runtime_directory()}")
    raise AddressError(f"{_several(found)}: choose one with --control {found[0].stem}")


def describe_running() -> str:
    """Name the servers in the runtime directory, in words."""
    try:
        found = find_running()
    except AddressError as error:
        return str(error)
    if not found:
        return f"no server runs in {runtime_directory()}"
    if len(found) == 1:
        return f"one runs at --control {found[0].stem}"
    return _several(found)


def _several(found: list[Path]) -> str:
    ports = ", ".join(path.stem for path in found)
    return f"{len(found)} servers run here, on the ports {ports}"
