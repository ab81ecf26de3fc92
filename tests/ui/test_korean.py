"""The screens in Korean: nothing of them is cut, where a syllable takes two cells."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len
from textual.widgets import Static

from app.core.words.language import language_of
from app.lab.scenarios import TEXTS
from app.ui.actions import ACTIONS
from app.ui.guided_app import GuidedApp
from app.ui.help_screen import HelpScreen
from app.ui.lab_app import LabApp
from app.ui.lines_panel import LinesPanel, line_width
from app.ui.plain_text import PlainText
from app.ui.preferences import Preferences
from app.watch.captions import next_caption
from app.watch.explanations import EVENTS, HEADER
from screenshots.lab_show import Shown
from screenshots.scenes import overview
from tests.making import NOW, FixedSource
from tests.ui.driving import drawn_text, panel_text, refresh, running
from tests.watch.test_captions import CAST, state_of

KO = language_of("ko")
SIZES = [(100, 30), (80, 24)]
KOREAN = Preferences(lang="ko")


def cut(panels: list[LinesPanel]) -> list[str]:
    """Return the lines of panels that are wider than their place."""
    return [
        panel_text(panel).splitlines()[number]
        for panel in panels
        for number, line in enumerate(panel._lines)
        if line_width(line) > panel.size.width
    ]


def missing(words: str, shown: str) -> list[str]:
    return [word for word in words.split() if word not in shown]


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", TEXTS)
async def test_a_scenario_is_whole(name: str, size: tuple[int, int]) -> None:
    show = Shown(name, KO)
    app = LabApp(show, KOREAN)
    async with app.run_test(size=size) as pilot:
        app._draw()
        await pilot.pause()
        asked = " ".join((show.words["title"], show.words["question"], *show.answers))
        assert missing(asked, drawn_text(app)) == []  # type: ignore[arg-type]
        await pilot.press("2")
        await pilot.pause()
        app._draw()
        await pilot.pause()
        assert cut(list(app.query(LinesPanel))) == []
        shown = panel_text(app._explained)
        for part in ("why", "line", "section", "man"):
            assert missing(show.words[part], shown) == []
        assert "틀린 서버" in str(app._wrong.border_title)
        assert missing(show.words["label"], drawn_text(app)) == []  # type: ignore[arg-type]
        assert "고치기" in panel_text(app._keys)
        await pilot.press("H")
        app._draw()
        assert "고쳤다" in str(app._wrong.border_title)
        for side in (app._right, app._wrong):
            assert cell_len(str(side.border_title)) <= side.size.width


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
async def test_the_help_is_whole(size: tuple[int, int]) -> None:
    async with running(FixedSource(overview()), size, KOREAN) as (app, pilot):
        await pilot.press("question_mark")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, HelpScreen)
        panels = list(screen.query(LinesPanel))
        assert cut(panels) == []
        told = " ".join(map(panel_text, panels))
        for name in ("kill", "filter", "help", "quit", "charts"):
            assert missing(KO.text(ACTIONS[name].words), told) == []
        for explained in (*HEADER.values(), *EVENTS.values()):
            assert missing(KO.text(explained.text), told) == []
        assert re.search(r"설명 \d+개 중 1", told)
        texts = " ".join(str(each.content) for each in screen.query(Static))
        assert "한 줄에 연결 하나이다" in texts
        assert "헤더 4바이트를 읽는다" in texts
        for _ in range(200):
            screen.action_walk(1)
            assert cut([screen._panel]) == []


@pytest.mark.parametrize("size", SIZES)
async def test_captions_are_whole(size: tuple[int, int]) -> None:
    state = state_of(*CAST)
    told: list[str] = []
    app = GuidedApp(FixedSource(overview()), preferences=KOREAN)
    async with app.run_test(size=size) as pilot:
        await refresh(app, pilot)
        for _ in range(7):
            caption = next_caption(state, NOW, told)
            assert caption is not None
            told.append(caption.scene)
            text = f"#{caption.connection_id} {KO.text(caption.text)}"
            assert re.search("[가-힣]", text)
            app._caption_line.update(text)
            await pilot.pause()
            assert missing(text, drawn_text(app)) == []


def test_hangul_stays_where_only_symbols_are_drawn_in_ascii() -> None:
    assert PlainText(keeps_hangul=True)._translate("● 보낸 것 …") == "* 보낸 것 ~"
    assert PlainText()._translate("● 보낸") == "* ????"
