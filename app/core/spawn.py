"""The one way to start a helper process: workers, the demo's clients, load processes.

A helper is a fresh interpreter, because a fork of a process with threads inherits locks that they
hold. It runs `main` of a module of this very package: the recipe names the folder that the package
was imported from, so that no other package of the same name can redirect it, and the parent's
`sys.path`. Until that is set, ``-I`` ignores the working directory and ``PYTHONPATH`` (python(1)).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""The signals that ask this program to stop."""

_PACKAGE: Final = __name__.partition(".")[0]
_FOLDER: Final = Path(__file__).resolve().parents[1]
_RECIPE: Final = """\
import sys
sys.path[:] = {path!r}
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location({package!r}, {init!r})
package = sys.modules[{package!r}] = module_from_spec(spec)
spec.loader.exec_module(package)
from {package}.{module} import main
main()
"""


def helper_command(module: str, *arguments: str) -> list[str]:
    """Return the command line for `main()` of `module`; ``sys.argv[1:]`` are the `arguments`."""
    code = _RECIPE.format(
        path=[os.path.abspath(folder) for folder in sys.path],
        package=_PACKAGE,
        init=str(_FOLDER / "__init__.py"),
        module=module,
    )
    flags = [f"-W{option}" for option in sys.warnoptions]
    if sys.dont_write_bytecode:
        flags.append("-B")
    return [sys.executable, "-I", *flags, "-c", code, *arguments]


def start_helper(command: Sequence[str], **how: Any) -> subprocess.Popen[bytes]:
    """Start a helper that no stop signal reaches; `how` is passed to `subprocess.Popen`.

    The terminal sends Ctrl-C to the whole process group, and a service manager SIGTERM to every
    process of a service. A helper ends when its parent tells it to, or closes its end of the
    channel. Raises OSError where no process can be started.
    """
    with stop_signals_blocked():  # a blocked signal stays blocked in the child
        return subprocess.Popen(command, **how)


@contextlib.contextmanager
def stop_signals_blocked() -> Iterator[None]:
    """Block the stop signals in this thread, and in the threads and processes started meanwhile.

    The kernel gives a signal to any thread that does not block it, but Python runs handlers in the
    main thread, which a join does not leave for a signal that another thread took.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
