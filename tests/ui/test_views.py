"""Views on the screen: a digit uses one, V makes one, Esc goes back, W keeps them."""

import dataclasses
import tomllib
from pathlib import Path

import pytest

from app.ui.preferences import Preferences
from app.watch.views import SavedView
from screenshots.scenes import overview
from tests.making import FixedSource
from tests.ui.driving import notices, order, refresh, running, screen_text, table

CHOSEN = Preferences(
    sort="-id",
    views={
        "1": SavedView("is:stuck", "-pending", ("id", "pending", "why")),
        "2": SavedView(sort="peer"),
    },
)


async def test_a_digit_uses_a_view_and_escape_goes_back() -> None:
    async with running(FixedSource(overview()), preferences=CHOSEN) as (app, pilot):
        everybody = order(app)
        await pilot.press("slash", *"id<12", "enter", "1")
        await refresh(app, pilot)
        assert set(order(app)) == {6, 8, 9, 11}
        assert [column.key for column in table(app).columns] == ["id", "pending", "why"]
        assert (table(app).sort_key, table(app).descending) == ("pending", True)
        await pilot.press("2")
        await refresh(app, pilot)
        assert (table(app).sort_key, len(order(app))) == ("peer", len(everybody))
        assert table(app).chosen == ()
        await pilot.press("escape")
        assert (table(app).sort_key, table(app).descending) == ("pending", True)
        await pilot.press("escape", "escape", "escape")
        await refresh(app, pilot)
        assert order(app) == list(range(11, 0, -1))
        assert (table(app).sort_key, table(app).descending, table(app).chosen) == ("id", True, ())


async def test_a_digit_without_a_view_says_how_one_is_made() -> None:
    async with running(FixedSource(overview()), (80, 24)) as (app, pilot):
        await pilot.press("5")
        await refresh(app, pilot)
        assert "there is no view 5 yet: V makes" in notices(app)
        await pilot.press("slash", *"id<5", "enter", "s", "V")
        await refresh(app, pilot)
        assert "which view shall this be?" in screen_text(app)
        await pilot.press("5", "f", "s", "5")
        await refresh(app, pilot)
        assert (sorted(order(app)), table(app).sort_key) == ([1, 2, 3, 4], "peer")


@pytest.mark.parametrize("with_file", [True, False])
async def test_what_is_kept_is_what_the_next_start_shows(tmp_path: Path, with_file: bool) -> None:
    path = tmp_path / "ui.toml"
    if with_file:
        path.write_text('# mine\ncap = 5\n[ui]\npreset = "vim"\n', "utf-8")
    chosen = dataclasses.replace(CHOSEN, kept_in=path)
    async with running(FixedSource(overview()), preferences=chosen) as (app, pilot):
        await pilot.press("T", "2", "V", "7", "W")
        await refresh(app, pilot)
        assert f"theme, columns, order, 3 views: in {path}" in notices(app)
    told = tomllib.loads(path.read_text("utf-8"))
    again = Preferences.from_mapping(told["ui"])
    assert (again.theme, again.sort, again.columns) == ("light", "peer", ())
    assert again.views == {**CHOSEN.views, "7": SavedView(sort="peer")}
    assert (again.preset, told.get("cap")) == (("vim", 5) if with_file else ("default", None))


async def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "ui.toml"
    path.write_text("", "utf-8")
    path.chmod(0o444)
    for kept_in, said in ((path, "it is read-only"), (None, "there is no home directory")):
        chosen = dataclasses.replace(CHOSEN, kept_in=kept_in)
        async with running(FixedSource(overview()), preferences=chosen) as (app, pilot):
            await pilot.press("T", "W")
            await refresh(app, pilot)
            assert said in notices(app)
    assert path.read_text("utf-8") == ""
