"""The bindings, made from the one table of keys (`app.ui.actions`)."""

from __future__ import annotations

from typing import Final

from textual.binding import Binding, BindingType, Keymap

from ..watch.views import NUMBERS
from .actions import (
    ACTIONS,
    ALWAYS,
    CONTEXTS,
    GROUPS,
    IN_THE_FOOTER,
    IN_THE_LAB,
    REPLAY_ACTIONS,
    STEP_ACTIONS,
    Keys,
    keys_of,
)

_NO_KEY: Final = "nothing"
"""A key name that no terminal sends, for an action without a key."""
_DEFAULT: Final = keys_of("default", {})
RUN_AS: Final = {name: name for name in ACTIONS} | {
    "up": "move(-1)",
    "down": "move(1)",
    "page_up": "move_page(-1)",
    "page_down": "move_page(1)",
    "first": "move_to_end(False)",
    "last": "move_to_end(True)",
    "column_left": "move_column(-1)",
    "column_right": "move_column(1)",
    "sort_back": "sort(-1)",
    "copy_json": "copy(True)",
    **{f"view_{number}": f"view('{number}')" for number in NUMBERS},
    "replay_play": "pause",
    "replay_event_back": "step(True)",
    "replay_event_on": "step(False)",
    "replay_own_back": "step_here(True)",
    "replay_own_on": "step_here(False)",
    "replay_back": "seek_by(-1)",
    "replay_on": "seek_by(1)",
    "replay_slower": "speed(-1)",
    "replay_faster": "speed(1)",
    "replay_start": "seek_to_end(False)",
    "replay_end": "seek_to_end(True)",
    "replay_moment": "ask_moment",
    "replay_close": "jump('close', False)",
    "replay_close_back": "jump('close', True)",
    "replay_toggle": "jump('toggle', False)",
    "replay_toggle_back": "jump('toggle', True)",
    "replay_error": "jump('error', False)",
    "replay_error_back": "jump('error', True)",
    **{f"lab_answer_{number + 1}": f"answer({number})" for number in range(3)},
    "lab_heal": "heal",
    "lab_source": "source",
    "lab_loop": "loop",
}
"""The call that Textual makes for each action."""
OF_THE_TABLE: Final = (*(action.name for action in GROUPS["move"]), "tag")
"""The actions that are methods of the table; all others are methods of the app."""


def _bindings(names: tuple[str, ...], come_first: bool = False) -> list[BindingType]:
    return [
        Binding(
            ",".join(_DEFAULT[name]),
            RUN_AS[name],
            ACTIONS[name].label or ACTIONS[name].words,
            show=name in IN_THE_FOOTER,
            priority=come_first,
            id=name,
        )
        for name in names
    ]


TABLE_BINDINGS: Final = _bindings(OF_THE_TABLE)
APP_BINDINGS: Final = [
    *_bindings(
        tuple(name for name in ACTIONS if name in CONTEXTS["table"] and name not in OF_THE_TABLE)
    ),
    *(
        Binding(key, action, action.capitalize(), show=False, priority=True)
        for key, action in ALWAYS.items()
    ),
    *_bindings(STEP_ACTIONS, come_first=True),  # behind the others: the key bar names the first
]
REPLAY_BINDINGS: Final = _bindings(REPLAY_ACTIONS, come_first=True)
LAB_BINDINGS: Final = [
    *_bindings(IN_THE_LAB),
    *(
        Binding(key, action, show=False, priority=True)
        for key, action in ALWAYS.items()
        if action == "quit"
    ),
]


def keymap(keys: Keys) -> Keymap:
    """Return the keys that differ from the defaults, by action, in Textual's form.

    Where Textual gives a key to another action, it takes it from all that have it, also from those
    of other contexts: these are returned too, with the keys that they have.
    """
    told = {name for name, its_keys in keys.items() if its_keys != _DEFAULT[name]}
    size = 0
    while size < len(told):
        size = len(told)
        touched = {key for name in told for key in (*_DEFAULT[name], *keys[name])}
        told |= {name for name in keys if not touched.isdisjoint((*_DEFAULT[name], *keys[name]))}
    return {name: ",".join(keys[name]) or _NO_KEY for name in keys if name in told}
