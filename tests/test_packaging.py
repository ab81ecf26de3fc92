"""The project as pip installs it, beside another one that has a top-level package `app`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from tests.program import ROOT


def version_of(project: str) -> int:
    """The major version of an installed project, and 0 for one that is not installed."""
    try:
        return int(metadata.version(project).split(".")[0])
    except metadata.PackageNotFoundError:
        return 0


pytestmark = [
    pytest.mark.fault,
    pytest.mark.skipif(
        version_of("pip") < 23 or version_of("setuptools") < 77,
        reason="pip >= 23 and setuptools >= 77 are needed in this environment (extra dev)",
    ),
]

SHIPPED = ("app", "pyproject.toml", "README.md", "LICENSE")
OTHER = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"
[project]
name = "other"
version = "1"
[tool.setuptools]
packages = ["app", "app.cli"]
"""


def run(*command: str, cwd: Path) -> str:
    """Run to the end and return stdout; the path has the dependencies of this environment."""
    dependencies = sysconfig.get_path("purelib")
    ended = subprocess.run(
        command,
        cwd=cwd,
        capture_output=True,
        timeout=120,
        check=False,
        text=True,
        env={**os.environ, "PYTHONPATH": dependencies},
    )
    assert ended.returncode == 0, ended.stderr[-800:]
    return ended.stdout


def build(source: Path, folder: Path, kind: str) -> Path:
    """Build a `wheel`, an `editable` one or an `sdist` as pip does, but without an index."""
    code = f"from setuptools import build_meta; build_meta.build_{kind}({str(folder)!r})"
    folder.mkdir()
    run(sys.executable, "-c", code, cwd=source)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout: a build leaves files behind."""
    folder = tmp_path_factory.mktemp("source")
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.pyc"))
        else:
            shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a project with a package `app`."""
    folder = tmp_path_factory.mktemp("other")
    (folder / "app" / "cli").mkdir(parents=True)
    (folder / "app" / "__init__.py").write_text("OWNER = 'other'\n")
    (folder / "app" / "cli" / "__init__.py").write_text("raise SystemExit('not echo-tui')\n")
    (folder / "pyproject.toml").write_text(OTHER)
    return build(folder, folder / "dist", "wheel")


class Environment:
    """A virtual environment."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, symlinks=True)
        self._python = folder / "bin" / "python"
        self._elsewhere = folder / "work"
        (self._elsewhere / "app").mkdir(parents=True)

    def pip(self, *arguments: str) -> None:
        pip = (sys.executable, "-m", "pip", "-q", "--disable-pip-version-check")
        run(*pip, "--python", str(self._python), *arguments, cwd=self._elsewhere)

    def install(self, wheel: Path) -> None:
        self.pip("install", "--no-deps", "--no-index", str(wheel))

    def check_program(self) -> None:
        """Run the script in a folder with an `app`: a server, two workers, two load processes."""
        script = self._python.parent / "echo-tui"
        command = [str(script), "--no-ui", "--workers", "2", "--control", "none", "127.0.0.1", "0"]
        environment = {**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=self._elsewhere, env=environment
        ) as server:
            assert server.stdout is not None
            port = server.stdout.readline().strip().rpartition(":")[2]
            try:
                options = ("--frames", "20", "--connections", "4", "--processes", "2")
                told = run(str(script), "load", "127.0.0.1", port, *options, cwd=self._elsewhere)
            finally:
                server.terminate()
                server.stdout.read()
        assert told.endswith("every byte of 20 echoes was right\n")
        assert server.returncode == 0

    def check_other(self) -> None:
        code = "import app; print(app.OWNER)"
        assert run(str(self._python), "-c", code, cwd=self._python.parent) == "other\n"


@pytest.mark.parametrize("first", ["echo-tui", "other"])
@pytest.mark.parametrize("kind", ["wheel", "editable"])
def test_beside_another_app_both_work_and_either_can_go(
    source: Path, other: Path, tmp_path: Path, kind: str, first: str
) -> None:
    own = build(source, tmp_path / "dist", kind)
    environment = Environment(tmp_path / "venv")
    for wheel in (own, other) if first == "echo-tui" else (other, own):
        environment.install(wheel)
    environment.check_program()
    environment.check_other()
    environment.pip("uninstall", "-y", first)
    if first == "other":
        environment.check_program()
    else:
        environment.check_other()


def test_the_source_distribution_has_what_a_wheel_is_built_from(
    source: Path, tmp_path: Path
) -> None:
    packed = build(source, tmp_path / "sdist", "sdist")
    with tarfile.open(packed) as archive:
        archive.extractall(tmp_path, filter="data")
    unpacked = tmp_path / packed.name.removesuffix(".tar.gz")
    assert {name for name in SHIPPED if not (unpacked / name).exists()} == set()
    wheels = (
        build(source, tmp_path / "wheel", "wheel"),
        build(unpacked, tmp_path / "again", "wheel"),
    )
    whole, again = (set(zipfile.ZipFile(wheel).namelist()) for wheel in wheels)
    assert whole == again
    files = {path.relative_to(ROOT / "app") for path in (ROOT / "app").rglob("*.*")}
    shipped = {f"echo_tui/{path}" for path in files if path.suffix in {".py", ".tcss", ".typed"}}
    assert shipped | {"echo_tui/py.typed"} == {name for name in whole if "dist-info" not in name}
