"""The bindings, made from the one table of keys (`app.ui.actions`)."""

from __future__ import annotations

from typing import Final

from textual.binding import Binding, BindingType, Keymap

from ..watch.views import NUMBERS
from .actions import ACTIONS, ALWAYS, GROUPS, IN_THE_FOOTER, STEP_ACTIONS, Keys, keys_of

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
    *_bindings(tuple(name for name in ACTIONS if name not in (*OF_THE_TABLE, *STEP_ACTIONS))),
    *(
        Binding(key, action, action.capitalize(), show=False, priority=True)
        for key, action in ALWAYS.items()
    ),
    *_bindings(STEP_ACTIONS, come_first=True),  # behind the others: the key bar names the first
]


def keymap(keys: Keys) -> Keymap:
    """Return the keys that differ from the defaults, by action, in Textual's form."""
    return {
        name: ",".join(its_keys) or _NO_KEY
        for name, its_keys in keys.items()
        if its_keys != _DEFAULT[name]
    }
