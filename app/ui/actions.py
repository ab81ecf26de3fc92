"""The actions of the dashboard and their keys in one table. Imports no Textual.

The bindings, the key bar, the help and the command palette are made from `ACTIONS`. A user rebinds
an action by its name; a mistake raises `SettingError` (one line) before a screen starts.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

from ..core.settings import SettingError, suggestion
from ..watch.views import NUMBERS


class Action(NamedTuple):
    """One action of the dashboard, which a key runs."""

    name: str
    """The name by which the action is rebound."""
    keys: str
    """The keys, separated by commas."""
    words: str
    """The description in the help and the palette."""
    label: str = ""
    """The word in the key bar; empty for an action that only the help lists."""
    vim: str | None = None
    """The keys in the vim preset, if they differ."""


Keys: TypeAlias = Mapping[str, tuple[str, ...]]
"""For each action the names of its keys, as Textual spells them."""

# `k` kills, as in htop, so it cannot mean "up" although `j` means "down". The vim preset has all of
# hjkl: there `x` kills, as it deletes in vi, and `h` and `l` choose the column to sort by.
GROUPS: Final[dict[str, tuple[Action, ...]]] = {
    "move": (
        Action("up", "up", "the connection above", vim="up,k"),
        Action("down", "down,j", "the connection below"),
        Action("page_up", "pageup,ctrl+u", "up by a screenful"),
        Action("page_down", "pagedown,ctrl+d", "down by a screenful"),
        Action("first", "home,g", "the first connection"),
        Action("last", "end,G", "the last connection"),
        Action("column_left", "left", "the figure to the left"),
        Action("column_right", "right", "the next: ? explains it"),
    ),
    "table": (
        Action("open", "enter", "open the connection", "Open"),
        Action("filter", "/", "filter the table", "Filter"),
        Action("toggle_filter", "f", "filter off, on"),
        Action("stuck", "w", "only what is stuck, or all", "Stuck"),
        Action("noted", "!", "only what is noted, or all"),
        Action("sort", "s,>", "sort by the next column", "Sort", vim="s,>,l"),
        Action("sort_back", "<", "sort by the one before", vim="<,h"),
        Action("reverse", "r", "reverse the order"),
        Action("columns", "o", "choose the columns", "Columns"),
        Action("tag", "space", "tag the connection", "Tag"),
        Action("closed", "C", "closed ones, or the open", "Closed"),
        Action("groups", "O", "groups, the worst first", "Groups"),
        Action("undo", "escape", "out of group, view, charts"),
        Action("keep_view", "V", "make this a view"),
    ),
    "views": tuple(Action(f"view_{number}", number, f"view {number}") for number in NUMBERS),
    "act": (
        Action("kill", "k", "kill the connection", "Kill", vim="x"),
        Action("kill_several", "K", "kill the tagged or filtered", vim="X"),
        Action("fault", "F", "a fault on purpose"),
        Action("cap", "c", "change the CAP", "CAP"),
        Action("settings", "t", "timeouts, write mode", "Timeouts"),
        Action("audit", "a", "what was done", "Audit"),
    ),
    "view": (
        Action("pause", "p", "pause the screen", "Pause"),
        Action("charts", "v", "charts of the server", "Charts"),
        Action("loop", "u", "the loop, call by call", "Loop"),
        Action("bytes", "b", "the bytes that are kept", "Bytes"),
        Action("chop_map", "m", "how its bytes were cut"),
        Action("last_bytes", "B", "its last bytes, in hex"),
        Action("log", "l", "detail or event log", "Log", vim="L"),
        Action("theme", "T", "the next theme"),
        Action("keep", "W", "keep theme, columns, order"),
    ),
    "loop": (
        Action("step_call", "space", "hold the loop, then a call", "Step"),
        Action("step_iteration", ">", "to the next poll", "Poll"),
        Action("step_go", "enter", "let a held loop go on", "Go"),
        Action("step_slower", "[", "at a pace, or a slower one", "Slower"),
        Action("step_faster", "]", "at a faster pace", "Faster"),
        Action("step_break", "B", "a breakpoint", "Break"),
    ),
    "time": (
        Action("rewind_back", "(", "10 s back"),
        Action("rewind_on", ")", "10 s on"),
        Action("rewind_event_back", "comma", "the event before"),
        Action("rewind_event_on", ".", "the next event"),
        Action("rewind_live", "}", "live again"),
    ),
    "replay": (
        Action("replay_play", "p", "play, pause"),
        Action("replay_event_back", "comma", "the event before"),
        Action("replay_event_on", ".", "the next event"),
        Action("replay_own_back", "'", "its event before"),
        Action("replay_own_on", ";", "its next event"),
        Action("replay_back", "(", "10 s back"),
        Action("replay_on", ")", "10 s on"),
        Action("replay_slower", "[", "slower"),
        Action("replay_faster", "]", "faster"),
        Action("replay_start", "{", "to the start"),
        Action("replay_end", "}", "to the end"),
        Action("replay_moment", ":", "to a time"),
        Action("replay_close", "d", "the next close"),
        Action("replay_close_back", "D", "the close before"),
        Action("replay_toggle", "i", "the next POLLOUT toggle"),
        Action("replay_toggle_back", "I", "the toggle before"),
        Action("replay_error", "n", "the next error"),
        Action("replay_error_back", "N", "the error before"),
    ),
    "lab": (
        Action("lab_answer_1", "1", "the first answer"),
        Action("lab_answer_2", "2", "the second answer"),
        Action("lab_answer_3", "3", "the third answer"),
        Action("lab_heal", "H", "heal the wrong one"),
        Action("lab_source", "s", "its source, or why"),
        Action("lab_loop", "u", "both loops, call by call"),
    ),
    "export": (
        Action("copy", "y", "copy the connection", "Copy"),
        Action("copy_json", "Y", "copy it as JSON"),
        Action("export", "e", "export the table", "Export"),
        Action("export_screen", "S", "export the screen"),
        Action("record", "R", "record, end recording"),
    ),
    "program": (
        Action("palette", "ctrl+p", "any of these by name", "Palette"),
        Action("help", "?,f1", "help here, all keys", "Help"),
        Action("quit", "q", "quit", "Quit"),
    ),
}
ACTIONS: Final = {action.name: action for group in GROUPS.values() for action in group}
REWIND_ACTIONS: Final = tuple(action.name for action in GROUPS["time"])
STEP_ACTIONS: Final = tuple(action.name for action in GROUPS["loop"])
REPLAY_ACTIONS: Final = tuple(action.name for action in GROUPS["replay"])
LAB_ACTIONS: Final = tuple(action.name for action in GROUPS["lab"])
OF_NOW: Final = frozenset({"kill", "kill_several", "fault", "cap", "settings", "record", "pause"})
"""Actions that change the server, or the live screen: there are none in the past."""
NOT_IN_A_REPLAY: Final = OF_NOW | {*REWIND_ACTIONS}
IN_THE_LAB: Final = (*LAB_ACTIONS, *(name for name in STEP_ACTIONS if name != "step_break"), "quit")
CONTEXTS: Final[dict[str, frozenset[str]]] = {
    "table": frozenset(ACTIONS) - {*STEP_ACTIONS, *REPLAY_ACTIONS, *LAB_ACTIONS},
    "step": frozenset(STEP_ACTIONS),
    "replay": frozenset(REPLAY_ACTIONS),
    "lab": frozenset(IN_THE_LAB),
}
"""The actions of each context, in which a key has one meaning. Those of a server with `--step`, and
those of a replay, come before those of the table: one key may have a meaning in each of them."""
PRESETS: Final = ("default", "vim")
ALWAYS: Final = {"ctrl+c": "quit", "ctrl+q": "quit", "ctrl+l": "redraw", "ctrl+z": "suspend"}
"""Actions whose keys are always the same, however the others are bound."""
IN_THE_FOOTER: Final = (
    "help", "quit", "step_call", "step_iteration", "step_go", "step_slower", "step_faster",
    "step_break", "kill", "filter", "open", "stuck", "pause", "charts", "sort", "columns",
    "groups", "cap", "tag", "loop", "palette", "log", "settings", "closed",
    "bytes", "audit", "copy", "export",
)  # fmt: skip
"""The actions in the key bar, the most important first; it shows as many as fit."""

_NAMED: Final = (
    "up", "down", "left", "right", "home", "end", "pageup", "pagedown", "insert", "delete",
    "backspace", "tab", "enter", "escape", "space", *(f"f{number}" for number in range(1, 25)),
)  # fmt: skip
_MODIFIERS: Final = ("ctrl", "alt", "shift")
_SPELLED: Final = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
"""Textual's names of the characters for which it does not use Unicode's name."""


def _spelled(character: str) -> str:
    if character.isalnum():
        return character
    name = unicodedata.name(character).lower().replace("-", "_").replace(" ", "_")
    return _SPELLED.get(name, name)


_CHARACTERS: Final = {_spelled(each): each for each in string.punctuation}
_SIGNS: Final = {
    "up": "↑", "down": "↓", "left": "←", "right": "→", "pageup": "PgUp", "pagedown": "PgDn",
    "home": "Home", "end": "End", "enter": "Enter", "escape": "Esc", "backspace": "⌫",
}  # fmt: skip


def key_sign(key: str) -> str:
    """Write a key as a person knows it: ``/``, ``^p``, ``PgUp``, ``F1``."""
    *modifiers, last = key.split("+")
    sign = _CHARACTERS.get(last) or _SIGNS.get(last) or last
    if len(last) > 1 and last[0] == "f" and last[1:].isdigit():
        sign = last.upper()
    return "".join("^" if each == "ctrl" else f"{each}+" for each in modifiers) + sign


def with_context(keys: Keys, context: Keys) -> Keys:
    """Return the keys of the table and those of a context, which take theirs from the table's."""
    taken = {key for its_keys in context.values() for key in its_keys}
    left = {name: tuple(key for key in its if key not in taken) for name, its in keys.items()}
    return {**left, **context}


def signs(keys: Keys, name: str) -> str:
    """Write the keys of an action as a person knows them, or a dash if it has none."""
    return " ".join(map(key_sign, keys[name])) or "-"


def read_key(text: str) -> str:
    """Return Textual's name of a key, given that name or the character itself.

    Raises `SettingError`.
    """
    if len(text) == 1 and text.isprintable() and text != " ":
        return _spelled(text)
    *modifiers, last = text.split("+")
    known = {*_NAMED, *_CHARACTERS}
    is_letter = len(last) == 1 and last.isalnum()
    if not (last in known or (is_letter and modifiers)) or not set(modifiers) <= {*_MODIFIERS}:
        raise SettingError(f"{text!r} is no key{suggestion(last, known)}: write k, ctrl+k or f5")
    return text


def keys_of(preset: str, changed: Mapping[str, str]) -> Keys:
    """Return the keys of every action: those in `changed`, else those of the preset.

    An empty text in `changed` leaves an action without a key. Raises `SettingError`.
    """
    if preset not in PRESETS:
        raise SettingError(
            f"preset {preset!r}{suggestion(preset, PRESETS)}: choose from {', '.join(PRESETS)}"
        )
    for name in changed:
        if name not in ACTIONS:
            raise SettingError(
                f"keys: no action {name!r}{suggestion(name, ACTIONS)}: ? lists them all"
            )
    keys = {}
    for name, action in ACTIONS.items():
        by_preset = action.keys if preset != "vim" or action.vim is None else action.vim
        keys[name] = _read_keys(name, changed.get(name, by_preset))
    _refuse_two_actions_on_one_key(keys)
    return keys


def _read_keys(name: str, texts: str) -> tuple[str, ...]:
    try:
        return tuple(read_key(text.strip()) for text in texts.split(",") if text.strip())
    except SettingError as error:
        raise SettingError(f"keys: {name}: {error}") from None


def _refuse_two_actions_on_one_key(keys: Keys) -> None:
    for names in CONTEXTS.values():
        taken: dict[str, str] = dict(ALWAYS)
        for name, its_keys in keys.items():
            for key in its_keys if name in names else ():
                if key in taken:
                    other = taken[key]
                    raise SettingError(
                        f"keys: {key_sign(key)!r} is both {other} and {name}:"
                        " give one of them another"
                    )
                taken[key] = name
