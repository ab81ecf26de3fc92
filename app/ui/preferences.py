"""What a person may choose for the dashboard, and the one place where it is judged. No Textual.

Every refusal is a `SettingError` of one line, raised before the screen starts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..core.settings import SettingError
from ..watch.columns import COLUMNS
from .actions import Keys, keys_of, suggestion

THEMES: Final = ("dark", "light", "high-contrast", "colour-blind")


@dataclass(frozen=True)
class Preferences:
    """One immutable set of choices. Raises `SettingError` for what nobody can choose."""

    theme: str = "dark"
    ascii: bool = False
    """Whether all is drawn in ASCII."""
    columns: tuple[str, ...] = ()
    """The columns in their order; none are what fits, and matters most."""
    sort: str = "id"
    """The column to sort by, with a ``-`` in front for the largest first."""
    preset: str = "default"
    """Of keys: ``default`` or ``vim``."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """By action, its keys instead of those of the preset, with commas between them."""

    def __post_init__(self) -> None:
        if self.theme not in THEMES:
            raise SettingError(
                f"theme {self.theme!r}{suggestion(self.theme, THEMES)}: "
                f"choose from {', '.join(THEMES)}"
            )
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
        """What a configuration file says: the names of the fields, with values of TOML's types.

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
    match name:
        case "ascii":
            fits, kind = isinstance(value, bool), "true or false"
        case "columns":
            fits, kind = _are_texts(value, list | tuple), "a list of columns in quotes"
        case "keys":
            is_table = isinstance(value, Mapping)
            fits = is_table and _are_texts(list(value.values()), list)  # type: ignore[attr-defined]
            kind = 'a table of action = "key,key"'
        case _:
            fits, kind = isinstance(value, str), "a text in quotes"
    if not fits:
        raise SettingError(f"ui: {name} is {value!r}: it must be {kind}")


def _are_texts(value: object, kind: Any) -> bool:
    return isinstance(value, kind) and all(isinstance(each, str) for each in value)
