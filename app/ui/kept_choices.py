"""Writes what a person chose on the screen into the table `[ui]` of a configuration file.

Everything else in the file stays as it is, comments and order too. The file is replaced as a whole,
so that no reader ever finds half of one.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import tomllib
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final

from ..core.settings import SettingError
from ..watch.views import SavedView, Views
from .preferences import Preferences

_DEFAULTS: Final = Preferences()
_NEW_FILE: Final = 0o644
"""The mode of a file that is made, before the umask."""


def keep_choices(path: Path, theme: str, sort: str, columns: tuple[str, ...], views: Views) -> None:
    """Write the choices into the file at `path`; a missing file and its directory are made.

    A choice that is the default, and of which the file says nothing, is left out. Raises
    `SettingError` or `OSError` for a file that cannot be written; then nothing is changed.
    """
    target = Path(os.path.realpath(path))  # a link stays a link
    text, status = _read(target)
    made = _with_choices(text, theme, sort, columns, views)
    if made != text:
        _replace(target, made, status)


def _read(target: Path) -> tuple[str, os.stat_result | None]:
    """Return what the file has now, and its mode and owner; nothing for a missing one."""
    try:
        with open(target, encoding="utf-8", newline="") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise SettingError("it is no file that can be replaced")
            # The superuser may write every file: a person who took the right away meant it.
            if not status.st_mode & 0o222 or not os.access(target, os.W_OK):
                raise SettingError("it is read-only: give yourself the right to write it")
            return file.read(), status
    except FileNotFoundError:
        return "", None
    except UnicodeDecodeError:
        raise SettingError("it is not valid TOML: no UTF-8") from None


def _with_choices(text: str, theme: str, sort: str, columns: tuple[str, ...], views: Views) -> str:
    import tomlkit  # noqa: PLC0415  only this needs it
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415
    from tomlkit.items import InlineTable  # noqa: PLC0415

    try:
        before = tomllib.loads(text)
        document = tomlkit.parse(text)
    except (ValueError, TOMLKitError) as error:
        raise SettingError(f"it is not valid TOML: {error}") from None
    if not isinstance(before.get("ui", {}), dict):
        raise SettingError("ui must be a table, [ui]")
    if "ui" not in document:
        document["ui"] = tomlkit.table()
    table: MutableMapping[str, Any] = document["ui"]
    _put(table, "theme", theme, _DEFAULTS.theme)
    _put(table, "sort", sort, _DEFAULTS.sort)
    _put(table, "columns", list(columns), list(_DEFAULTS.columns))
    if views and "views" not in table:
        is_inline = isinstance(table, InlineTable)
        table["views"] = tomlkit.inline_table() if is_inline else tomlkit.table()
    for number, view in views.items():
        if table["views"].get(number) != (wanted := _as_table(view)):
            inline = tomlkit.inline_table()
            inline.update(wanted)
            table["views"][number] = inline
    made = tomlkit.dumps(document)
    wanted_ui = {"theme": theme, "sort": sort, "columns": list(columns)}
    _check(made, before, wanted_ui, {number: _as_table(view) for number, view in views.items()})
    return made


def _put(table: MutableMapping[str, Any], key: str, value: Any, default: Any) -> None:
    """Set a value, unless the file has it; an empty list is told by no list."""
    if value == [] and key in table:
        del table[key]
    elif table.get(key, default) != value:
        table[key] = value


def _as_table(view: SavedView) -> dict[str, Any]:
    parts = {"filter": view.filter, "sort": view.sort, "columns": list(view.columns)}
    return {name: part for name, part in parts.items() if part}


def _check(
    made: str, before: Mapping[str, Any], chosen: Mapping[str, Any], views: Mapping[str, Any]
) -> None:
    """Raise `SettingError` unless the new text says what the old one did, and the choices."""
    after = tomllib.loads(made)
    ui, old = after.pop("ui", {}), dict(before.get("ui", {}))
    told_views, old_views = ui.pop("views", {}), old.pop("views", {})
    defaults = {"theme": _DEFAULTS.theme, "sort": _DEFAULTS.sort, "columns": []}
    others = {key: value for key, value in before.items() if key != "ui"}
    if after != others or {**defaults, **ui} != {**defaults, **old, **chosen}:
        raise SettingError("it cannot be changed without a loss: edit it by hand")
    if told_views != {**old_views, **views}:
        raise SettingError("its views cannot be changed without a loss: edit them by hand")


def _replace(target: Path, text: str, status: os.stat_result | None) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            if status is None:
                os.fchmod(descriptor, _NEW_FILE & ~_umask())
            else:
                if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
                    with contextlib.suppress(PermissionError):
                        os.fchown(descriptor, status.st_uid, status.st_gid)
                os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
            os.fsync(descriptor)
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _umask() -> int:
    """Return the process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
