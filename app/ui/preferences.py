"""The choices of a person for the dashboard, and the one place that checks them. No Textual.

Every refusal is a `SettingError` of one line, raised before the screen starts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from ..core.settings import Appearance, SettingError, rules_of, suggestion
from ..watch.columns import COLUMNS
from .actions import Keys, keys_of

_RULES: Final = rules_of(Appearance)
_THEME: Final = _RULES["theme"]
THEMES: Final = _THEME.choices
_KINDS: Final[dict[str, tuple[Any, str]]] = {
    "theme": (Any, "judged by its rule"),
    "refresh": (Any, "judged by its rule"),
    "ascii": (bool, "true or false"),
    "columns": (list[str], "a list of columns in quotes"),
    "keys": (dict[str, str], 'a table of action = "key,key"'),
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
    refresh: float = 0.0
    """Seconds between two drawings; 0 leaves that to the dashboard."""

    def __post_init__(self) -> None:
        for name in ("theme", "refresh"):
            _RULES[name].judge(getattr(self, name))
        for name in self.columns:
            _check_column("columns", name)
        if len(set(self.columns)) < len(self.columns):
            raise SettingError(f"columns: {', '.join(self.columns)}: one is named twice")
        _check_column("sort", self.sort_key)
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
        known = {field.name: field for field in dataclasses.fields(cls)}
        for name, value in chosen.items():
            if name not in known:
                raise SettingError(
                    f"ui: no setting {name!r}{suggestion(name, known)}: "
                    f"there are {', '.join(known)}"
                )
            _check_type(name, value)
        columns = chosen.get("columns", ())
        return cls(**{**chosen, "columns": tuple(columns), "keys": dict(chosen.get("keys", {}))})


def _check_column(setting: str, name: str) -> None:
    if name not in COLUMNS:
        raise SettingError(
            f"{setting}: no column {name!r}{suggestion(name, COLUMNS)}: "
            f"there are {', '.join(COLUMNS)}"
        )


def _check_type(name: str, value: object) -> None:
    kind, words = _KINDS.get(name, (str, "a text in quotes"))
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        raise SettingError(f"ui: {name} is {value!r}: it must be {words}") from None
