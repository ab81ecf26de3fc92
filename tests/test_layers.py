"""The layers: who may import whom."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.program import ROOT, Headless, environment, run

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for path in sorted((ROOT / "app").rglob("*.py"))
}


def imports(module: str) -> set[str]:
    """Every module that `module` imports, anywhere in it, also for type checking only."""
    return set(_imports(ast.parse(MODULES[module].read_text("utf-8")), module))


def _imports(tree: ast.AST, module: str) -> Iterator[str]:
    package = module.split(".") if module.endswith("__init__") else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def within(package: str, names: set[str]) -> set[str]:
    return {name for name in names if name == package or name.startswith(f"{package}.")}


SERVER = [name for name in MODULES if name.startswith("app.server")]
CONTROL = [name for name in MODULES if name.startswith("app.control")]
SCREEN = [name for name in MODULES if name.startswith("app.ui")]
LOAD = [name for name in MODULES if name.startswith("app.load")]


def test_there_is_something_to_look_at() -> None:
    assert len(SERVER) > 5
    assert "app.server.poller" in imports("app.server.loop")


@pytest.mark.parametrize("module", SERVER)
def test_the_server_knows_of_no_screen(module: str) -> None:
    found = imports(module)
    assert not within("app.ui", found) | within("textual", found) | within("app.cli", found)


@pytest.mark.parametrize("module", SCREEN)
def test_the_screen_knows_of_no_server(module: str) -> None:
    found = imports(module)
    assert not within("app.server", found) | within("app.cli", found)


@pytest.mark.parametrize("module", CONTROL)
def test_the_control_socket_knows_of_neither(module: str) -> None:
    found = imports(module)
    assert not within("app.server", found) | within("app.ui", found) | within("app.cli", found)


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"app.cli", *SERVER, *SCREEN}))
def test_only_the_command_line_wires_both_together(module: str) -> None:
    found = imports(module)
    assert not (within("app.server", found) and within("app.ui", found))
    assert not within("textual", found)


@pytest.mark.parametrize("module", LOAD)
def test_the_load_generator_knows_of_neither_server_nor_screen(module: str) -> None:
    found = imports(module)
    assert not within("app.server", found) | within("app.ui", found) | within("app.cli", found)


def test_the_command_line_wires_both_together() -> None:
    found = imports("app.cli")
    assert within("app.server", found)
    assert within("app.ui", found)


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("app.events", set()),
        ("app.printable", set()),
        ("app.framing", {"app.printable", "app.printable.printable"}),
    ],
)
def test_what_everything_stands_on_imports_nothing_of_ours(module: str, allowed: set[str]) -> None:
    assert within("app", imports(module)) == allowed


@pytest.mark.parametrize(
    "module", ["app.ui.model", "app.ui.rows", "app.ui.filter", "app.ui.export", "app.ui.stuck"]
)
def test_the_model_is_free_of_textual(module: str) -> None:
    assert not within("textual", imports(module))


@pytest.mark.slow
def test_server_and_log_load_no_textual() -> None:
    code = "import sys, app.cli, app.headless, app.server.server; print('textual' in sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, env=environment(), timeout=15
    )
    assert ended.stdout == b"False\n"


@pytest.mark.slow
@pytest.mark.parametrize("module", ["app.ctl.commands", "app.attach", "app.hosting"])
def test_who_draws_nothing_loads_neither_textual_nor_rich(module: str) -> None:
    code = f"import sys, {module}; print({{'textual', 'rich', 'asyncio'}} & set(sys.modules))"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, env=environment(), timeout=15
    )
    assert ended.stdout == (b"{'asyncio'}\n" if module == "app.attach" else b"set()\n")


@pytest.mark.slow
def test_the_headless_program_never_imports_textual() -> None:
    with Headless(python=("-X", "importtime")) as program:
        code, _, errors = program.end(signal.SIGTERM)
    assert code == 0
    assert "app.server.loop" in errors
    assert "textual" not in errors
    assert "app.ui" not in errors


@pytest.mark.slow
def test_the_version_is_told_without_textual() -> None:
    ended = run("--version", python=("-X", "importtime"))
    assert ended.stdout.startswith(b"echo-tui, version ")
    assert b"textual" not in ended.stderr
