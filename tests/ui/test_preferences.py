"""What can be chosen for the dashboard, and how every mistake is told."""

import string

import pytest
from textual.keys import _character_to_key

from app.core.settings import SettingError
from app.ui.actions import (
    ACTIONS,
    ALWAYS,
    CONTEXTS,
    IN_THE_FOOTER,
    PRESETS,
    key_sign,
    keys_of,
    read_key,
)
from app.ui.preferences import THEMES, Preferences
from app.watch.columns import COLUMNS


@pytest.mark.parametrize("preset", PRESETS)
def test_no_key_of_a_preset_has_two_meanings(preset: str) -> None:
    keys = Preferences(preset=preset).bindings()
    for names in CONTEXTS.values():
        every = [key for name in names for key in keys[name]]
        assert len(every) == len(set(every))
        assert not set(every) & set(ALWAYS)
    assert set(keys) == set(ACTIONS) == frozenset.union(*CONTEXTS.values())


def test_k_kills_unless_the_fingers_are_vims() -> None:
    assert keys_of("default", {})["kill"] == ("k",)
    vim = keys_of("vim", {})
    assert (vim["kill"], vim["up"], vim["down"]) == (("x",), ("up", "k"), ("down", "j"))


def test_an_action_is_rebound_by_its_name_and_may_lose_its_key() -> None:
    keys = keys_of("default", {"kill": "delete, ctrl+k", "cap": "k", "audit": ""})
    assert (keys["kill"], keys["cap"], keys["audit"]) == (("delete", "ctrl+k"), ("k",), ())
    assert keys["pause"] == ("p",)


@pytest.mark.parametrize("character", string.ascii_letters + string.digits + string.punctuation)
def test_a_character_is_named_as_textual_names_it(character: str) -> None:
    name = read_key(character)
    assert name == _character_to_key(character)
    assert read_key(name) == name
    assert key_sign(name) == character


@pytest.mark.parametrize(
    ("key", "sign"), [("ctrl+p", "^p"), ("pageup", "PgUp"), ("f12", "F12"), ("alt+x", "alt+x")]
)
def test_keys_are_shown_as_people_know_them(key: str, sign: str) -> None:
    assert key_sign(read_key(key)) == sign


def test_the_footer_shows_actions_that_have_a_label() -> None:
    assert set(IN_THE_FOOTER) == {action.name for action in ACTIONS.values() if action.label}


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"theme": "drak"}, "--theme 'drak', did you mean 'dark'?: choose from dark, light"),
        ({"theme": 3}, "--theme 3: choose from dark, light"),
        ({"ascii": "yes"}, "ui: ascii is 'yes': it must be true or false"),
        ({"columns": ["id", "fds"]}, "columns: no column 'fds', did you mean 'fd'?"),
        ({"columns": ["id", "id"]}, "columns: id, id: one is named twice"),
        ({"columns": "id"}, "ui: columns is 'id': it must be a list"),
        ({"sort": "-pendng"}, "sort: no column 'pendng', did you mean 'pending'?"),
        ({"preset": "vi"}, "preset 'vi', did you mean 'vim'?: choose from default, vim"),
        ({"colour": "dark"}, "ui: no setting 'colour'"),
        ({"colums": []}, "ui: no setting 'colums', did you mean 'columns'?"),
        ({"keys": {"kil": "x"}}, "keys: no action 'kil', did you mean 'kill'?"),
        ({"keys": {"kill": "pagup"}}, "keys: kill: 'pagup' is no key, did you mean 'pageup'?"),
        ({"keys": {"kill": "hyper+k"}}, "keys: kill: 'hyper+k' is no key: write k"),
        ({"keys": {"kill": "c"}}, "keys: 'c' is both kill and cap: give one of them another"),
        ({"keys": {"kill": "ctrl+q"}}, "keys: '^q' is both quit and kill"),
        ({"keys": {"kill": 1}}, "ui: keys is {'kill': 1}: it must be a table"),
        ({"keys": "k"}, "ui: keys is 'k': it must be a table"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(chosen: dict[str, object], said: str) -> None:
    with pytest.raises(SettingError) as error:
        Preferences.from_mapping(chosen)
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


def test_what_a_file_says_becomes_preferences() -> None:
    chosen = {
        "theme": "light",
        "ascii": True,
        "columns": ["why", "id"],
        "sort": "-idle",
        "preset": "vim",
        "keys": {"pause": "z"},
    }
    preferences = Preferences.from_mapping(chosen)
    assert preferences == Preferences("light", True, ("why", "id"), "-idle", "vim", {"pause": "z"})
    assert (preferences.sort_key, preferences.descending) == ("idle", True)
    assert Preferences.from_mapping({}) == Preferences()


def test_the_names_are_those_of_the_themes_and_columns_that_there_are() -> None:
    from app.ui import themes  # noqa: PLC0415

    assert tuple(themes.THEMES) == THEMES
    assert "why" in COLUMNS
