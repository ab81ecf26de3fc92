"""What `W` writes into a configuration file, and what it leaves as it is."""

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from app.core.settings import SettingError
from app.ui.kept_choices import keep_choices
from app.watch.views import SavedView, Views

VIEWS = {"1": SavedView("is:stuck", "-pending", ("id", "why"))}
FULL = """\
# for the machine in the cellar
port = 7001   # not 9000

[ui]
theme = "dark"  # the lamp is bright
columns = [
    "id",  # the number
    "peer",
]
[ui.views]
1 = {filter = "idle>10s"}
3 = { sort = "-id" } # the newest
[ui.keys]
kill = "delete"
"""


def keep(
    path: Path,
    theme: str = "dark",
    sort: str = "id",
    columns: tuple[str, ...] = (),
    views: Views | None = None,
) -> dict[str, Any]:
    keep_choices(path, theme, sort, columns, {} if views is None else views)
    return tomllib.loads(path.read_text("utf-8"))


def test_a_file_is_made_where_there_is_none_and_for_its_owner_alone_its_directory(
    tmp_path: Path,
) -> None:
    path = tmp_path / "new" / "echo-tui" / "ui.toml"
    assert keep(path, "light", "-pending", ("id", "peer"), VIEWS) == {
        "ui": {
            "theme": "light",
            "sort": "-pending",
            "columns": ["id", "peer"],
            "views": {"1": {"filter": "is:stuck", "sort": "-pending", "columns": ["id", "why"]}},
        }
    }
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert os.listdir(path.parent) == ["ui.toml"]


def test_comments_and_all_else_survive(tmp_path: Path) -> None:
    path = tmp_path / "echo.toml"
    path.write_text(FULL, "utf-8")
    path.chmod(0o640)
    keep(path, "light", "-id", ("id", "peer"), VIEWS)
    text = path.read_text("utf-8")
    changed = FULL.replace('"dark"', '"light"')
    changed = changed.replace(
        '{filter = "idle>10s"}',
        '{filter = "is:stuck", sort = "-pending", columns = ["id", "why"]}',
    )
    assert text.replace('sort = "-id"\n\n', "", 1) == changed
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["echo.toml"]


def test_the_usual_is_written_only_where_the_file_says_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "echo.toml"
    path.write_text("cap = 5\n", "utf-8")
    assert keep(path) == {"cap": 5, "ui": {}}
    path.write_text('[ui]\ntheme = "light"\ncolumns = ["id"]\n', "utf-8")
    assert keep(path) == {"ui": {"theme": "dark"}}


@pytest.mark.parametrize(
    "text",
    [
        "",
        'ui = {theme = "light"}\ncap = 5\n',
        "[ui.keys]\nkill = 'x'\n",
        "[ui.views.2]\nsort='id'\n",
        "[ui]\nviews.1.filter = 'a'\n",
        "# dos\r\ncap = 5\r\n",
        "[ui]\n\n[[x]]\ny = 1\n",
    ],
)
def test_every_way_in_which_a_table_can_be_written_is_kept(tmp_path: Path, text: str) -> None:
    path = tmp_path / "echo.toml"
    path.write_bytes(text.encode())
    before = tomllib.loads(text)
    after = keep(path, "light", "-id", ("id",), VIEWS)
    ui = after.pop("ui")
    old = before.pop("ui", {})
    assert after == before
    assert ui["views"] == old.get("views", {}) | {
        "1": {"filter": "is:stuck", "sort": "-pending", "columns": ["id", "why"]}
    }
    assert (ui["theme"], ui["sort"], ui["columns"]) == ("light", "-id", ["id"])
    assert ui.get("keys") == old.get("keys")
    assert path.read_bytes().count(b"\r\n") == text.count("\r\n")


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text("", "utf-8")
    (tmp_path / "link.toml").symlink_to("real.toml")
    keep(tmp_path / "link.toml", "light")
    assert (tmp_path / "link.toml").is_symlink()
    assert "light" in (tmp_path / "real.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "said"),
    [("[ui", "it is not valid TOML: "), ("ui = 3", "ui must be a table"), (None, "read-only")],
)
def test_a_file_that_cannot_be_changed_stays_as_it_is(
    tmp_path: Path, text: str | None, said: str
) -> None:
    path = tmp_path / "echo.toml"
    path.write_text(FULL if text is None else text, "utf-8")
    path.chmod(0o444 if text is None else 0o644)
    before = path.read_text("utf-8")
    with pytest.raises(SettingError, match=said) as error:
        keep(path, "light")
    assert "\n" not in str(error.value)
    assert path.read_text("utf-8") == before
    assert os.listdir(tmp_path) == ["echo.toml"]


def test_a_disk_that_is_full_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "echo.toml"
    path.write_text(FULL, "utf-8")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        keep(path, "light")
    assert path.read_text("utf-8") == FULL
    assert os.listdir(tmp_path) == ["echo.toml"]
