"""The C programs, built on the spot: the load generator, and the echo that is the native limit."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).resolve().parent
BUILD = SOURCE / "build"
PROGRAMS = ("load", "echo")


def compiler() -> str | None:
    """The C compiler: `$CC`, or the first of the usual names on the path."""
    names = [os.environ.get("CC", ""), "cc", "gcc", "clang"]
    return next((found for name in names if name and (found := shutil.which(name))), None)


def build() -> None:
    """Compile what is older than its sources; says why and exits where that cannot be."""
    found = compiler()
    if found is None:
        raise SystemExit("benchmarks: no C compiler (cc, gcc, clang or $CC) for the load generator")
    BUILD.mkdir(exist_ok=True)
    changed = max(file.stat().st_mtime for file in SOURCE.glob("*.[ch]"))
    for program in PROGRAMS:
        target = BUILD / program
        if target.exists() and target.stat().st_mtime > changed:
            continue
        command = [found, "-O2", "-Wall", "-o", str(target), str(SOURCE / f"{program}.c")]
        if subprocess.run(command, check=False).returncode:
            raise SystemExit(f"benchmarks: {program}.c does not compile here")
