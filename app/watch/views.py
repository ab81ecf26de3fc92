"""Views of the table: a filter, an order and columns under a number. No Textual.

They stand in the configuration file, for the dashboard and for `ctl list --view`:

    [ui.views]
    1 = {filter = "is:stuck", sort = "-pending", columns = ["id", "peer", "pending", "why"]}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from ..core.printable import printable
from ..core.settings import SettingError, suggestion
from .columns import COLUMNS
from .filter import FilterError, parse_filter

NUMBERS: Final = tuple("123456789")
"""The numbers of views, which are also their keys."""
EXAMPLE: Final = '1 = {filter = "is:stuck", sort = "-pending", columns = ["id", "why"]}'


class SavedView(NamedTuple):
    """One view. A part that is empty is that of `[ui]`: no filter, its order, its columns."""

    filter: str = ""
    sort: str = ""
    """The column to sort by, with a ``-`` in front for the largest first."""
    columns: tuple[str, ...] = ()
    """The keys of the columns in their order."""

    def in_words(self) -> str:
        """Return the parts that are not empty, as one line."""
        parts = [self.filter, f"by {self.sort}" if self.sort else "", ", ".join(self.columns)]
        return "; ".join(filter(None, parts)) or "everything"


Views = Mapping[str, SavedView]
"""The views by their numbers."""


def read_views(table: Mapping[str, Any]) -> Views:
    """Read the table `views` of a configuration file. Raises `SettingError`."""
    return {number: _read_view(number, view) for number, view in table.items()}


def view_numbered(views: Views, number: str) -> SavedView:
    """Return the view with a number. Raises `SettingError` if there is none."""
    if number in views:
        return views[number]
    there_are = f"there are {', '.join(sorted(views))}" if views else "there are none"
    place = f"the table [ui.views] of the configuration file has them, as in {EXAMPLE}"
    raise SettingError(f"no view {printable(number, 20)!r}: {there_are}; {place}")


def _read_view(number: str, view: object) -> SavedView:
    place = f"views: {printable(number, 20)}"
    if number not in NUMBERS:
        raise SettingError(f"{place} is no number of a view: write 1 to 9, as in {EXAMPLE}")
    if not isinstance(view, dict):
        raise SettingError(f"{place} is {_shown(view)}: write a table, as in {EXAMPLE}")
    for name in view:
        if name not in SavedView._fields:
            known = SavedView._fields
            there_are = f"{suggestion(name, known)}: there are {', '.join(known)}"
            raise SettingError(f"{place}: no {printable(name, 20)!r}{there_are}")
    for name in ("filter", "sort"):
        if not isinstance(view.get(name, ""), str):
            raise SettingError(f"{place}: {name} is {_shown(view[name])}: write text in quotes")
    columns = view.get("columns", [])
    if not isinstance(columns, list) or not all(isinstance(each, str) for each in columns):
        raise SettingError(f"{place}: columns is {_shown(columns)}: write a list of texts")
    text = view.get("filter", "")
    try:
        parse_filter(text)
    except FilterError as error:
        where = f"character {error.position + 1}: {error}"
        raise SettingError(f"{place}: filter {printable(text, 80)!r}: {where}") from None
    judge_columns(f"{place}: columns", columns)
    if sort := view.get("sort", ""):
        judge_columns(f"{place}: sort", [sort.removeprefix("-")])
    return SavedView(text.strip(), sort, tuple(columns))


def judge_columns(setting: str, names: Sequence[str]) -> None:
    """Raise `SettingError` unless each name is a column's key, and none is there twice."""
    for name in names:
        if name not in COLUMNS:
            raise SettingError(
                f"{setting}: no column {printable(name, 40)!r}{suggestion(name, COLUMNS)}: "
                f"there are {', '.join(COLUMNS)}"
            )
    if len(set(names)) < len(names):
        raise SettingError(f"{setting}: {', '.join(names)}: one is named twice")


def _shown(value: object) -> str:
    return printable(repr(value), 40)
