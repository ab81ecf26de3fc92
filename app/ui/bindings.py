"""The bindings, made from the one table of keys (`app.ui.actions`)."""

from __future__ import annotations

from typing import Final

from textual.binding import Binding, BindingType, Keymap

from .actions import ACTIONS, ALWAYS, GROUPS, IN_THE_FOOTER, Keys, keys_of

_NO_KEY: Final = "nothing"
"""No terminal sends a key of this name: what an action without a key is bound to."""
_DEFAULT: Final = keys_of("default", {})
_RUN: Final = {
    "up": "move(-1)",
    "down": "move(1)",
    "page_up": "move_page(-1)",
    "page_down": "move_page(1)",
    "first": "move_to_end(False)",
    "last": "move_to_end(True)",
}
"""What Textual runs for an action whose method is not called as the action is."""
OF_THE_TABLE: Final = (*(action.name for action in GROUPS["move"]), "tag")
"""The actions whose methods are the table's; all others are the app's."""


def _bindings(names: tuple[str, ...]) -> list[BindingType]:
    return [
        Binding(
            ",".join(_DEFAULT[name]),
            _RUN.get(name, name),
            ACTIONS[name].label or ACTIONS[name].words,
            show=name in IN_THE_FOOTER,
            id=name,
        )
        for name in names
    ]


TABLE_BINDINGS: Final = _bindings(OF_THE_TABLE)
APP_BINDINGS: Final = [
    *_bindings(tuple(name for name in ACTIONS if name not in OF_THE_TABLE)),
    *(Binding(key, "quit", "Quit", show=False, priority=True) for key in ALWAYS),
]


def run_as(name: str) -> str:
    """What Textual runs for the action of this name."""
    return _RUN.get(name, name)


def keymap(keys: Keys) -> Keymap:
    """The keys that are not the default ones, by action, as Textual wants them."""
    return {
        name: ",".join(its_keys) or _NO_KEY
        for name, its_keys in keys.items()
        if its_keys != _DEFAULT[name]
    }
