"""Describes the machine and the versions on which figures depend, without the host's name."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from pathlib import Path

import psutil

import app
from benchmarks import native

PACKAGES = ("uvloop", "twisted", "gevent", "textual", "psutil")


def describe() -> dict[str, str]:
    """Facts by name, in the order to print them in."""
    facts = {
        "cpu": cpu_model(),
        "cores": str(psutil.cpu_count() or 0),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }
    if found := native.compiler():
        said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
        facts["compiler"] = said.stdout.partition("\n")[0]
    # Of the code that is measured: an editable installation may tell of an earlier one.
    facts["echo-tui"] = app.__version__
    for package in PACKAGES:
        try:
            facts[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return facts


def cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()
