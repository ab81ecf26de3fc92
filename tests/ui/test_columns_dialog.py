"""Which columns the table shows, and in which order: chosen by keys and by the mouse."""

import pytest
from textual.widgets import Button

from app.ui.app import EchoApp
from app.ui.cells import CELLS, cells
from app.ui.column_layout import heading, layout
from app.ui.columns_dialog import ColumnList, ColumnsDialog
from app.ui.lines_panel import clip, clip_start, line_width
from app.ui.preferences import Preferences
from app.watch.columns import COLUMNS, EVERY_COLUMN
from screenshots.scenes import overview
from tests.making import NOW, FixedSource
from tests.ui.driving import order, refresh, running, table
from tests.ui.test_column_layout import overview_model


def shown(app: object) -> list[str]:
    return [column.key for column in table(app).columns]  # type: ignore[arg-type]


def test_every_column_has_a_cell_as_wide_as_itself() -> None:
    assert set(CELLS) == set(EVERY_COLUMN)
    for key, cell in CELLS.items():
        (column,) = layout(60, 6, (key,))
        for row in overview_model().rows.values():
            assert line_width(cell(row, column, NOW)) == column.width


@pytest.mark.parametrize("width", [60, 77, 97, 157, 300])
@pytest.mark.parametrize(
    "chosen",
    [(*COLUMNS,), (*COLUMNS,)[::-1], ("why",), ("fd", "reason", "peer", "id"), ("out", "why")],
)
def test_chosen_columns_keep_their_order_and_fit(chosen: tuple[str, ...], width: int) -> None:
    columns = layout(width, 6, chosen)
    keys = tuple(column.key for column in columns)
    assert keys == chosen[: len(keys)]
    assert keys
    titles = heading(columns, "id", descending=False)
    assert line_width(titles) <= width
    for row in overview_model().rows.values():
        assert line_width(cells(row, columns, NOW)) == line_width(titles) - 2


async def test_columns_are_hidden_shown_and_carried_by_keys() -> None:
    async with running(FixedSource(overview()), (120, 36)) as (app, pilot):
        await pilot.press("o")
        assert isinstance(app.screen, ColumnsDialog)
        await pilot.press("down", "space", "down", "shift+down", "shift+down", "enter")
        await refresh(app, pilot)
        assert shown(app)[:4] == ["id", "header", "body", "state"]
        assert "peer" not in shown(app)
        await pilot.press("o", "end", "space", *["shift+up"] * 30, "enter")
        await refresh(app, pilot)
        assert shown(app)[:3] == ["why", "id", "header"]
        await pilot.press("<")
        assert table(app).sort_key == "why"


async def test_leaving_the_dialog_changes_nothing_and_automatic_undoes_all() -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        before = shown(app)
        await pilot.press("o", "space", "escape")
        assert shown(app) == before
        await pilot.press("o", "space", "enter")
        await refresh(app, pilot)
        assert shown(app) == before[1:]
        await pilot.press("o")
        await pilot.click("#automatic")
        await refresh(app, pilot)
        assert shown(app) == before


async def test_the_last_column_cannot_be_hidden() -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        await pilot.press("o")
        for _ in COLUMNS:
            await pilot.press("space", "down")
        await pilot.press("enter")
        await refresh(app, pilot)
        assert len(shown(app)) >= 1


async def test_what_is_typed_ahead_acts_on_the_column_that_it_was_typed_at() -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        await pilot.press("o", "down", "down")
        columns = app.screen.query_one(ColumnList)
        columns.action_select()
        columns.action_carry(1)
        await pilot.press("enter")
        await refresh(app, pilot)
        assert "state" not in shown(app)
        assert "header" in shown(app)


async def test_clicks_in_quick_succession_all_count() -> None:
    async with running(FixedSource(overview()), (80, 24)) as (app, pilot):
        await pilot.press("o", "end")
        columns = app.screen.query_one(ColumnList)
        at = columns.highlighted
        assert at is not None
        for _ in range(5):
            app.screen.query_one("#carry-up", Button).action_press()
        await pilot.pause()
        assert columns.highlighted == at - 5


@pytest.mark.parametrize("preferences", [None, Preferences(theme="light", ascii=True)])
async def test_columns_are_chosen_with_the_mouse(preferences: Preferences | None) -> None:
    async with running(FixedSource(overview()), (80, 24), preferences) as (app, pilot):
        await pilot.press("o")
        await pilot.click("#column-list", offset=(4, 1))
        await pilot.click("#carry-up")
        await pilot.click("#column-list", offset=(4, 8))
        await pilot.click("#carry-up")
        await pilot.click("#apply")
        await refresh(app, pilot)
        assert shown(app)[:2] == ["id", "state"]
        assert "peer" not in shown(app)
        assert shown(app)[-2:] == ["fd", "idle"]


@pytest.mark.parametrize("key", ["fd", "eagains", "why"])
async def test_a_click_on_the_title_of_a_chosen_column_sorts(key: str) -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        table(app).chosen = ("peer", "fd", "eagains", "why")
        await refresh(app, pilot)
        start = 2
        for column in table(app).columns:
            if column.key == key:
                break
            start += column.width + 1
        await pilot.click("#heading", offset=(start + 1, 0))
        await refresh(app, pilot)
        rows, by = list(app.model.rows.values()), COLUMNS[key].sort_value
        wanted = sorted(rows, key=lambda row: by(row, NOW), reverse=table(app).descending)
        assert (table(app).sort_key, order(app)) == (key, [row.id for row in wanted])


@pytest.mark.parametrize(
    ("text", "width", "end", "start"),
    [
        ("abcdef", 6, "abcdef", "abcdef"),
        ("abcdef", 4, "abc…", "…def"),
        ("日本語", 6, "日本語", "日本語"),
        ("日本語", 5, "日本…", "…本語"),
        ("日本語", 4, "日 …", "…語"),
    ],
)
def test_text_is_cut_by_cells(text: str, width: int, end: str, start: str) -> None:
    assert (clip(text, width), clip_start(text, width)) == (end, start)


async def test_the_last_line_lists_the_same_columns() -> None:
    app = EchoApp(FixedSource(overview()), control="9000")
    async with app.run_test(size=(100, 30)) as pilot:
        await refresh(app, pilot)
        await pilot.press("o", "down", "space")
        await pilot.pause()
        await pilot.press("y")
        assert isinstance(app.screen, ColumnsDialog)
        words = app.clipboard.split()
        assert words[:4] == ["echo-tui", "ctl", "list", "--columns"]
        assert "peer" not in words[4].split(",")
        assert "state" in words[4].split(",")
