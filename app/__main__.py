"""``python -m app`` is the same as ``echo-tui``."""

import errno
import os
import resource
import sys

NEAR = 4 * 1024**2
"""Bytes of address space below a limit at which an allocation may have been refused: an arena of
CPython's allocator takes 1 MiB. What takes more, a thread or a library, is named by its error."""


def main() -> None:
    """Run the command line and exit; Ctrl-C while it is imported prints no traceback either.

    A limit on memory, threads or processes that it meets is one line, and exit code 2.
    """
    try:
        from .cli.main import main as run  # noqa: PLC0415

        run()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        lacking = _name_what_lacks(error)
        if not lacking:
            raise
        print(f"echo-tui: not enough {lacking}", file=sys.stderr, flush=True)
        os._exit(2)  # an orderly end would need what is lacking


def _name_what_lacks(error: Exception) -> str:
    """Return what the system refused and what to raise; empty for another kind of error."""
    text = str(error)
    if isinstance(error, RuntimeError) and "start new thread" in text:
        return "threads or memory: raise `ulimit -u`, `ulimit -v` or the cgroup's pids.max"
    number = getattr(error, "errno", None) if isinstance(error, OSError) else None
    if number == errno.EAGAIN:
        return "processes: raise `ulimit -u` or the cgroup's pids.max"
    is_unmapped = "failed to map segment" in text or "allocate memory" in text
    if (
        isinstance(error, MemoryError)
        or number == errno.ENOMEM
        or (isinstance(error, ImportError) and is_unmapped)
    ):
        return "memory: raise `ulimit -v`, or the cgroup's memory.max"
    if _is_memory_used_up():
        # Without memory CPython fails in many ways: a SystemError, or a ValueError of its compiler.
        first = f"{type(error).__name__}: {text}".partition("\n")[0]
        return f"memory, most likely: raise `ulimit -v` ({first[:200]})"
    return ""


def _is_memory_used_up() -> bool:
    """Whether the address space has come near to its limit (RLIMIT_AS; VmPeak in proc(5))."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return False
    try:
        with open("/proc/self/status", "rb") as status:
            (peak,) = (line.split()[1] for line in status if line.startswith(b"VmPeak:"))
    except (OSError, ValueError, MemoryError):
        return False
    return int(peak) * 1024 >= limit - NEAR


if __name__ == "__main__":
    main()
