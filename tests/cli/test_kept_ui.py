"""Choices for the dashboard that are kept in a file, and the views of `ctl list`."""

from __future__ import annotations

import errno
import json
import os
import tomllib
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from app.cli.configuration import ConfiguredCommand, file_option
from app.cli.dashboard import dashboard_preferences
from app.cli.options import ui_options
from app.core.settings import SettingError
from app.ui.preferences import Preferences
from tests.cli.ctl_runs import ctl
from tests.cli.test_configuration import line, show
from tests.control.serving import Controlled
from tests.peers import connect
from tests.recording.making import history, write_recording
from tests.terminal import Terminal

WriteFile = Callable[[str], str]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the person's own choices, which is not there yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = tmp_path / "config" / "echo-tui" / "ui.toml"
    path.parent.mkdir(parents=True)
    return path


def preferences(*arguments: str) -> Preferences:
    """The preferences of a command that opens a dashboard."""
    told: list[Preferences] = []

    @click.command(cls=ConfiguredCommand)
    @ui_options
    @file_option
    def program(**_options: object) -> None:
        told.append(dashboard_preferences())

    result = CliRunner().invoke(program, arguments, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return told.pop()


def test_without_a_file_ones_own_counts_and_a_flag_beats_it(own: Path) -> None:
    assert (preferences().theme, preferences().kept_in) == ("dark", own)
    own.write_text('[ui]\ntheme = "light"\nsort = "-id"\nrefresh = 2\n', "utf-8")
    assert (preferences().theme, preferences().sort, preferences().refresh) == ("light", "-id", 2)
    assert preferences("--theme", "dark").theme == "dark"


def test_with_a_file_ones_own_does_not_count(own: Path, write: WriteFile) -> None:
    own.write_text('[ui]\ntheme = "light"\n', "utf-8")
    path = write('[ui]\nsort = "-id"\n')
    chosen = preferences("--config", path)
    assert (chosen.theme, chosen.sort, chosen.kept_in) == ("dark", "-id", Path(path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[ui]\ntheme = "drak"', "--theme 'drak', did you mean 'dark'?"),
        ("[ui.views]\n1 = 3", "views: 1 is 3: write a table"),
        ("port = 1\n", "port: only the table [ui] stands here"),
        ("ui = 1\n", "ui must be a table"),
        ("[ui\n", "not valid TOML"),
    ],
)
def test_a_mistake_in_it_is_one_line_with_its_name(own: Path, text: str, said: str) -> None:
    own.write_text(text, "utf-8")
    with pytest.raises(SettingError) as error:
        preferences()
    assert str(error.value).startswith(f"{own}: {said}")
    assert "\n" not in str(error.value)


def test_in_the_home_of_another_user_there_is_none(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.write_text('[ui]\ntheme = "light"\n', "utf-8")
    plain = Path.stat

    def refuse(path: Path, **options: bool) -> os.stat_result:
        if path == own:  # root may go everywhere
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return plain(path, **options)

    monkeypatch.setattr(Path, "stat", refuse)
    assert preferences().theme == "dark"


def test_a_place_of_it_that_cannot_be_looked_at_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", f"/{'x' * 300}")
    with pytest.raises(SettingError, match=r": File name too long$"):
        preferences()


def test_what_is_shown_says_where_it_comes_from_and_a_headless_server_reads_none(
    own: Path,
) -> None:
    own.write_text('[ui]\ntheme = "light"\n[ui.views]\n1 = {sort = "-id"}\n', "utf-8")
    told = show()
    assert line(told, "theme") == f'theme = "light" # file {own}'
    assert tomllib.loads(told)["ui"]["views"] == {"1": {"sort": "-id"}}
    assert line(show("--theme", "dark"), "theme") == 'theme = "dark" # command line'
    own.write_text("[ui\n", "utf-8")
    assert line(show("--no-ui"), "theme") == 'theme = "dark" # default'


@pytest.mark.slow
def test_ctl_list_uses_a_view_of_either_file_and_its_own_options_beat_it(
    own: Path, write: WriteFile, tmp_path: Path
) -> None:
    own.write_text(
        '[ui.views]\n1 = {filter = "id>1", sort = "-id", columns = ["id", "pollout"]}\n', "utf-8"
    )
    path = write('port = 7001\n[ui.views]\n1 = {filter = "id=1"}\n2 = {filter = "ide>1"}\n')
    with Controlled(tmp_path / "s") as running:
        clients = [connect(running.server.port) for _ in range(3)]

        def listed(*arguments: str) -> str:
            ended = ctl("list", "--control", str(running.path), *arguments)
            return ended.stdout or ended.stderr

        assert listed("--view", "1").split() == "id armed 3 no 2 no".split()
        assert listed("--view", "1", "--sort", "id", "--columns", "id").split() == ["id", "2", "3"]
        assert json.loads(listed("--view", "1", "--where", "id=1", "--json")) == {
            "id": 1,
            "armed": False,
        }
        complaint = listed("--view", "4")
        assert complaint.startswith("echo-tui: no view '4': there are 1; the table [ui.views]")
        assert "views: 2: filter 'ide>1'" in listed("--view", "1", "--config", path)
        write('port = 7001\n[ui.views]\n1 = {filter = "id=1"}\n')
        assert listed("--view", "1", "--config", path, "--columns", "id").split() == ["id", "1"]
        for client in clients:
            client.close()


@pytest.mark.slow
@pytest.mark.parametrize("command", ["attach", "replay"])
def test_what_a_dashboard_keeps_the_next_one_shows(own: Path, tmp_path: Path, command: str) -> None:
    with Controlled(tmp_path / "s") as running:
        if command == "attach":
            arguments = ["attach", "--control", str(running.path)]
        else:
            recording = write_recording(tmp_path / "life.rec", history(7))
            arguments = ["replay", str(recording)]
        for keys, seen in (("rTV3", "Help"), ("", "by id")):
            with Terminal(*arguments) as terminal:
                terminal.wait_for(_shows(seen))
                terminal.press(f"{keys}W")  # in one read, so before the dialog is there
                terminal.wait_for(_shows("theme, columns, order"))
                terminal.press("q")
                assert terminal.exit_code() == 0
    assert tomllib.loads(own.read_text("utf-8")) == {
        "ui": {"theme": "light", "sort": "-id", "views": {"3": {"sort": "-id"}}}
    }


def _shows(words: str) -> Callable[[str], bool]:
    return lambda text: words in text
