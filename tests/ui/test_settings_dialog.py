"""The dialog for timeouts and write mode, and the audit of the changes."""

import pytest
from textual.widgets import Button, Static

from app.core.commands import Set
from app.core.events import (
    CommandResult,
    Event,
    SettingChanged,
)
from app.core.settings import SettingError
from app.ui.audit_screen import AuditScreen
from app.ui.settings_dialog import SettingsDialog, Values, read_changes
from app.watch.audit import AUDIT_LIMIT, Audit, Change
from app.watch.journal import setting_words
from screenshots.scenes import overview
from tests.making import NOW, FixedSource
from tests.ui.driving import actions, refresh, running, screen_text

KNOWN: Values = {"idle_timeout": 5.0, "write_mode": "direct", "cap": 64}


@pytest.mark.parametrize(
    ("texts", "changes"),
    [
        ({"idle_timeout": "5", "write_mode": "direct"}, {}),
        ({"idle_timeout": "", "write_mode": " "}, {}),
        ({"idle_timeout": "0"}, {"idle_timeout": 0.0}),
        ({"body_timeout": " 2.5 "}, {"body_timeout": 2.5}),
        ({"write_mode": "armed", "idle_timeout": "6"}, {"write_mode": "armed", "idle_timeout": 6}),
    ],
)
def test_only_what_differs_is_changed(texts: dict[str, str], changes: Values) -> None:
    assert read_changes(texts, KNOWN) == changes


@pytest.mark.parametrize(
    "texts", [{"idle_timeout": "-1"}, {"idle_timeout": "nan"}, {"write_mode": "fast"}]
)
def test_what_the_server_would_refuse_is_refused(texts: dict[str, str]) -> None:
    with pytest.raises(SettingError):
        read_changes(texts, KNOWN)


async def test_one_set_for_each_value_that_changes() -> None:
    source = FixedSource(overview())
    async with running(source) as (app, pilot):
        await pilot.press("t")
        assert isinstance(app.screen, SettingsDialog)
        assert app.screen.query_one("#set", Button).disabled
        await pilot.press(*"soon")
        assert "✕ --header-timeout 'soon'" in str(app.screen.query_one("#verdict", Static).content)
        assert app.screen.query_one("#set", Button).disabled
        await pilot.press("enter")
        assert isinstance(app.screen, SettingsDialog)
        await pilot.press(*["backspace"] * 4, *"2.5", *["down"] * 4, *"armed")
        verdict = str(app.screen.query_one("#verdict", Static).content)
        assert verdict == "✓ header timeout 10 s → 2.5 s, write mode direct → armed"
        await pilot.press("enter")
        await pilot.pause()
        sent = [(c.name, c.value) for c in actions(source) if isinstance(c, Set)]
        assert sent == [("header_timeout", 2.5), ("write_mode", "armed")]
        source.feed(SettingChanged(t=NOW, name="header_timeout", old=10.0, new=2.5))
        await refresh(app, pilot)
        assert app.model.settings["header_timeout"] == 2.5
        await pilot.press("t", "escape")
        assert len(actions(source)) == 2


async def test_the_audit_shows_what_was_done() -> None:
    source = FixedSource(overview())
    async with running(source) as (app, pilot):
        await pilot.press("a")
        await pilot.pause()
        assert isinstance(app.screen, AuditScreen)
        text = screen_text(app)
        assert "64KiB → 1MiB" in text
        assert "kill #1" in text
        await pilot.press("a")
        assert len(app.screen_stack) == 1


def answer(command: str, message: str, ok: bool = True, id_: int | None = None) -> Event:
    return CommandResult(t=NOW, request=1, command=command, ok=ok, message=message, id=id_)


def test_changes_take_their_answers_and_traces_are_left_out() -> None:
    audit = Audit()
    change = SettingChanged(t=NOW, name="idle_timeout", old=0.0, new=2.5)
    for event in (
        answer("trace", "trace io", id_=3),
        change,
        answer("set", "idle_timeout: 0.0 → 2.5"),
        answer("set", "no such setting", ok=False),
        change,
        answer("kill", "[b]closed", id_=3),
        answer("set", "late"),
    ):
        audit.apply(event)
    assert list(audit.changes) == [
        Change(NOW, "idle_timeout", "off → 2.5 s", "done"),
        Change(NOW, "set", "", "no such setting", False),
        Change(NOW, "idle_timeout", "off → 2.5 s", ""),
        Change(NOW, "kill #3", "", "[b]closed", ids={3}),
        Change(NOW, "set", "", "late"),
    ]
    for _ in range(AUDIT_LIMIT + 9):
        audit.apply(change)
    assert len(audit.changes) == AUDIT_LIMIT


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("cap", 65_536, "64KiB"),
        ("idle_timeout", 0.0, "off"),
        ("idle_timeout", 90, "90 s"),
        ("write_mode", "armed", "armed"),
        ("max_connections", 10_000, "10,000"),
    ],
)
def test_settings_in_words(name: str, value: float | str, words: str) -> None:
    assert setting_words(name, value) == words
