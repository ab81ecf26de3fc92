"""The rooms of the house, and who may import whom (ARCHITECTURE.md, "Rooms")."""

from __future__ import annotations

import ast
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.program import ROOT, Headless, environment, run

APP = ROOT / "app"
BELOW = {
    "core": "",
    "doctor": "core",
    "watch": "core doctor",
    "server": "core doctor watch",
    "server.workers": "core doctor watch server",
    "load": "core doctor",
    "control": "core doctor watch",
    "recording": "core doctor watch",
    "host": "core doctor watch control recording server server.workers",
    "proving": "core doctor watch server load",
    "lab": "core doctor watch server load",
    "ui": "core doctor watch control recording",
    "cli": "core doctor watch server server.workers load control recording host proving lab ui",
}
"""The rooms that each room may import besides itself."""
LARGEST_FILE = 420
"""Lines; files stay under about 400."""
DRAWN_BY = {"textual", "rich"}
MODULES = sorted(APP.rglob("*.py"))


def room_of(parts: tuple[str, ...]) -> str:
    """The room of a module, given the parts of its name below the package."""
    if parts[:2] == ("server", "workers"):
        return "server.workers"
    return parts[0] if parts and parts[0] in BELOW else ""


def parts_of(path: Path) -> tuple[str, ...]:
    parts = path.relative_to(APP).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def imported(path: Path) -> set[tuple[str, ...]]:
    """Names below the package that a module imports, wherever in it; `str` starts as parts."""
    package = path.relative_to(APP).parts[:-1]
    found: set[tuple[str, ...]] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            above = package[: len(package) - node.level + 1]
            module = (*above, *(node.module or "").split(".")) if node.module else above
            found |= {(*module, alias.name) for alias in node.names}
    return found


def outside(path: Path) -> set[str]:
    """The top-level packages that a module imports by an absolute name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
    return found


def broken_rules(path: Path) -> list[str]:
    """The imports of a module that its room may not have, in words."""
    own = room_of(parts_of(path))
    if not own:
        return []
    allowed = {own, "", *BELOW[own].split()}
    return sorted(
        f"{own} may not import {'.'.join(name)}"
        for name in imported(path)
        if room_of(name) not in allowed
    )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: ".".join(parts_of(path)))
def test_a_room_imports_only_what_stands_under_it(path: Path) -> None:
    assert broken_rules(path) == []


def test_an_import_against_the_rule_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = APP / "watch" / "stream.py"
    text = inside.read_text("utf-8") + "\nfrom ..server.loop import Loop\n"
    monkeypatch.setattr(Path, "read_text", lambda self, encoding: text)
    assert broken_rules(inside) == ["watch may not import server.loop.Loop"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: ".".join(parts_of(path)))
def test_only_the_screen_imports_what_draws(path: Path) -> None:
    names = outside(path)
    assert "app" not in names, "imports inside are relative"
    assert "echo_tui" not in names, "imports inside are relative"
    if room_of(parts_of(path)) != "ui":
        assert not names & DRAWN_BY


def test_every_module_is_in_a_room() -> None:
    homeless = [path.name for path in MODULES if not room_of(parts_of(path))]
    assert sorted(homeless) == ["__init__.py", "__main__.py"]


def test_no_two_modules_have_one_name() -> None:
    names = Counter(path.stem for path in MODULES if path.stem != "__init__")
    assert [name for name, times in names.items() if times > 1] == []
    assert not names.keys() & {"utils", "util", "helpers", "helper", "common", "misc"}


def test_no_two_public_classes_have_one_name() -> None:
    names = Counter(
        node.name
        for path in MODULES
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, times in names.items() if times > 1] == []


def test_files_stay_short() -> None:
    files = [*MODULES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    lines = {path: path.read_text("utf-8").count("\n") for path in files}
    assert {str(path): n for path, n in lines.items() if n > LARGEST_FILE} == {}


def test_the_installed_package_has_every_room() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    listed = set(re.findall(r'^    "(echo_tui[\w.]*)",$', text, re.MULTILINE))
    folders = {parts_of(path) for path in APP.rglob("__init__.py")}
    assert listed == {".".join(("echo_tui", *parts)) for parts in folders}


@pytest.mark.slow
@pytest.mark.parametrize(
    "module", ["cli.main", "cli.ctl.ctl_commands", "host.log", "host.runtime", "server.server"]
)
def test_who_draws_nothing_loads_nothing_that_draws(module: str) -> None:
    code = f"import sys, app.{module}; print({{'textual', 'rich', 'asyncio'}} & set(sys.modules))"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, env=environment(), timeout=15
    )
    assert ended.stdout == b"set()\n"


@pytest.mark.slow
def test_the_headless_program_loads_no_screen() -> None:
    with Headless(python=("-X", "importtime")) as program:
        code, _, errors = program.end(signal.SIGTERM)
    assert code == 0
    assert "app.server.loop" in errors
    assert "textual" not in errors
    assert "app.ui." not in errors


@pytest.mark.slow
def test_the_version_is_told_without_textual() -> None:
    ended = run("--version", python=("-X", "importtime"))
    assert ended.stdout.startswith(b"echo-tui, version ")
    assert b"textual" not in ended.stderr
