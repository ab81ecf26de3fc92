"""What the screen shows, written into the current directory."""

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.events import Reason
from app.watch import export
from app.watch.columns import LISTED
from app.watch.export import write_files
from screenshots.scenes import overview
from tests.making import FixedSource, closed, opened
from tests.ui.driving import running

STAMP = "echo-tui-20251009-085320"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    tmp_path.chmod(0o700)


async def test_the_table_as_filtered_and_ordered(folder: Path) -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        await pilot.press("slash", *"write or id=14", "enter", "r", "e")
        await pilot.pause()
        [notification] = app._notifications
        assert notification.message == f"{STAMP}.json and {STAMP}.csv, in {folder}"
    whole = json.loads((folder / f"{STAMP}.json").read_text())
    assert whole["filter"] == "write or id=14"
    assert [connection["id"] for connection in whole["connections"]] == [14, 10, 9]
    slow, gone = whole["connections"][2], whole["connections"][0]
    assert (slow["state"], slow["pending"], slow["armed"]) == ("WRITE_BODY", 311_300, True)
    assert slow["why"].startswith("peer is not reading")
    assert (gone["reason"], gone["why"]) == ("eof_mid_body", "12 of 64 body bytes")
    with (folder / f"{STAMP}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["14", "10", "9"]
    assert list(rows[0]) == list(slow) == [column.json_name for column in LISTED]


async def test_the_screen_as_svg_and_nothing_is_overwritten(folder: Path) -> None:
    async with running(FixedSource(overview())) as (_, pilot):
        await pilot.press("S", "S")
        await pilot.pause()
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"{STAMP}-2.svg", f"{STAMP}.svg"]
    assert (folder / f"{STAMP}.svg").read_text().startswith("<svg")


@pytest.mark.parametrize("key", ["e", "S"])
async def test_a_failure_is_one_line(
    key: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str, _flags: int) -> int:
        raise PermissionError(13, "Permission denied", path)

    async with running(FixedSource(overview())) as (app, pilot):
        with monkeypatch.context() as patch:
            patch.setattr(export, "open_private", refuse)
            await pilot.press(key)
            await pilot.pause()
        [notification] = app._notifications
        assert notification.message.startswith("not written: Permission denied: echo-tui-")
        assert "\n" not in notification.message
        assert notification.severity == "error"
    assert not list(folder.iterdir())


async def test_a_peers_text_is_no_formula(folder: Path) -> None:
    source = FixedSource([opened(1), closed(1, Reason.FRAME_TOO_LARGE, detail='=1+"\n,2')])
    async with running(source) as (_, pilot):
        await pilot.press("e")
        await pilot.pause()
    with (folder / f"{STAMP}.csv").open(newline="") as file:
        [row] = csv.DictReader(file)
    assert row["why"] == "'=1+\"\n,2"
    whole = json.loads((folder / f"{STAMP}.json").read_text())
    assert whole["connections"][0]["why"] == '=1+"\n,2'


def test_only_the_user_may_read_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = os.umask(0)
    try:
        paths = write_files(0.0, {"json": "{}", "svg": "<svg/>"})
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in paths] == [0o600, 0o600]
