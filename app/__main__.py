"""``python -m app`` is the same as ``echo-tui``."""

import errno
import os
import resource
import sys


def main() -> None:
    """Run the command line and exit; Ctrl-C while it is imported prints no traceback either.

    A limit on memory, threads or processes that it meets is one line, and exit code 2.
    """
    try:
        from .cli.main import main as run  # noqa: PLC0415

        run()
    except KeyboardInterrupt:
        sys.exit(130)
    except (MemoryError, RuntimeError, OSError, ImportError, SystemError) as error:
        lacking = _name_what_lacks(error)
        if not lacking:
            raise
        print(f"echo-tui: not enough {lacking}", file=sys.stderr, flush=True)
        os._exit(2)  # an orderly end would need what is lacking


def _name_what_lacks(error: Exception) -> str:
    """Return what the system refused and what to raise; empty for another kind of error."""
    text = str(error)
    if isinstance(error, RuntimeError):
        if "start new thread" not in text:
            return ""
        return "threads or memory: raise `ulimit -u`, `ulimit -v` or the cgroup's pids.max"
    if isinstance(error, SystemError):
        # CPython without memory for the exception itself, of which only a limit is a sign.
        is_limited = resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY
        is_unnamed = "without exception set" in text or "without setting an exception" in text
        if not is_unnamed or not is_limited:
            return ""
    number = getattr(error, "errno", None)
    if number == errno.EAGAIN and isinstance(error, OSError):
        return "processes: raise `ulimit -u` or the cgroup's pids.max"
    is_import = isinstance(error, ImportError)
    if is_import and "failed to map segment" not in text and "allocate memory" not in text:
        return ""
    if isinstance(error, OSError) and number != errno.ENOMEM:
        return ""
    return "memory: raise `ulimit -v`, or the cgroup's memory.max"


if __name__ == "__main__":
    main()
