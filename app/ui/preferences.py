"""The choices of a person for the dashboard, and the one place that checks them. No Textual.

Every refusal is a `SettingError` of one line, raised before the screen starts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from ..core.settings import MIB, Appearance, SettingError, rules_of, suggestion
from ..watch.views import EXAMPLE, Views, judge_columns, read_views
from .actions import Keys, keys_of

_RULES: Final = rules_of(Appearance)
_THEME: Final = _RULES["theme"]
THEMES: Final = _THEME.choices
_KINDS: Final[dict[str, tuple[Any, str]]] = {
    "theme": (Any, "judged by its rule"),
    "lang": (Any, "judged by its rule"),
    "refresh": (Any, "judged by its rule"),
    "rewind": (Any, "judged by its rule"),
    "ascii": (bool, "true or false"),
    "mouse": (bool, "true or false"),
    "notify": (bool, "true or false"),
    "columns": (list[str], "a list of columns in quotes"),
    "keys": (dict[str, str], 'a table of action = "key,key"'),
    "views": (dict[str, Any], f"a table of views, as in {EXAMPLE}"),
}
"""The fields that are no texts: their types, and the words for a refusal."""


@dataclass(frozen=True)
class Preferences:
    """One immutable set of choices. Raises `SettingError` for a value that is not possible."""

    theme: str = "dark"
    ascii: bool = False
    """Whether all is drawn in ASCII."""
    columns: tuple[str, ...] = ()
    """The columns in their order; none means the most important ones that fit."""
    sort: str = "id"
    """The column to sort by, with a ``-`` in front for the largest first."""
    preset: str = "default"
    """The keys to start from: ``default`` or ``vim``."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """By action, its keys instead of those of the preset, with commas between them."""
    lang: str = "en"
    """The language of the help and the captions."""
    refresh: float = 0.0
    """Seconds between two drawings; 0 leaves that to the dashboard."""
    rewind: int = 16 * MIB
    """Bytes of memory for going back in time; 0 is none."""
    mouse: bool = True
    """Whether the terminal tells of the mouse; if it does not, the mouse selects text."""
    notify: bool = False
    """Whether the bell rings when more connections are stuck."""
    views: Views = field(default_factory=dict)
    kept_in: Path | None = None
    """The file in which choices are kept; the one field that stands in no file."""

    def __post_init__(self) -> None:
        for name in ("theme", "lang", "refresh", "rewind"):
            _RULES[name].judge(getattr(self, name))
        judge_columns("columns", self.columns)
        judge_columns("sort", [self.sort_key])
        self.bindings()

    def bindings(self) -> Keys:
        """The keys of every action."""
        return keys_of(self.preset, self.keys)

    @property
    def sort_key(self) -> str:
        """The column to sort by."""
        return self.sort.removeprefix("-")

    @property
    def descending(self) -> bool:
        """Whether the largest come first."""
        return self.sort.startswith("-")

    @classmethod
    def from_mapping(cls, chosen: Mapping[str, Any]) -> Preferences:
        """Read the table of a configuration file: the names of the fields, values of TOML's types.

        Raises `SettingError`.
        """
        known = setting_names()
        for name, value in chosen.items():
            if name not in known:
                raise SettingError(
                    f"ui: no setting {name!r}{suggestion(name, known)}: "
                    f"there are {', '.join(known)}"
                )
            _check_type(name, value)
        columns, views = tuple(chosen.get("columns", ())), read_views(chosen.get("views", {}))
        keys = dict(chosen.get("keys", {}))
        read = {"columns": columns, "keys": keys, "views": views}
        if "rewind" in chosen:  # a size may have a unit
            read["rewind"] = _RULES["rewind"].judge(chosen["rewind"])
        return cls(**{**chosen, **read})


def setting_names() -> list[str]:
    """Return the names that the table `[ui]` may have."""
    return [each.name for each in dataclasses.fields(Preferences) if each.name != "kept_in"]


def _check_type(name: str, value: object) -> None:
    kind, words = _KINDS.get(name, (str, "a text in quotes"))
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        raise SettingError(f"ui: {name} is {value!r}: it must be {words}") from None
