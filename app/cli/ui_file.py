"""The file of a person's own choices for the dashboard: the table `[ui]` where no `--config` is.

Dashboards and `ctl list --view` read it, the key `W` writes it. A headless server never does.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..core.printable import printable, reason_of
from ..core.settings import SettingError

UI_TABLE: Final = "ui"
"""The table of a configuration file that is about the dashboard."""


def own_file() -> Path | None:
    """Return ``$XDG_CONFIG_HOME/echo-tui/ui.toml``; None where there is no home directory."""
    given = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config")
    # The XDG specification has a relative path ignored.
    directory = given if given.is_absolute() else Path("~/.config")
    try:
        return directory.expanduser() / "echo-tui" / "ui.toml"
    except RuntimeError:
        return None


def load_toml(path: str | Path, option: str = "") -> dict[str, Any]:
    """Read a TOML file; `option` goes before its name where it cannot be opened.

    Raises `SettingError`.
    """
    import tomllib

    name = printable(str(path), 200)
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise SettingError(f"{option}{name}: {reason_of(error)}") from None
    except ValueError as error:  # no TOML, no UTF-8, or a number of more than 4,300 digits
        raise SettingError(f"{name}: not valid TOML: {error}") from None


def read_own_file() -> Mapping[str, Any]:
    """Return the table `[ui]` of a person's own file, judged; empty where there is none.

    There is none either where this user may not look for it: as under `setpriv` or a service
    manager, the home directory is then another user's. Raises `SettingError`.
    """
    path = own_file()
    if path is None:
        return {}
    name = printable(str(path), 200)
    try:
        if not path.exists():
            return {}
    except PermissionError:
        return {}
    except OSError as error:
        raise SettingError(f"{name}: {reason_of(error)}") from None
    from ..ui.preferences import Preferences

    table = load_toml(path)
    ui = table.pop(UI_TABLE, {})
    if table:
        key = printable(next(iter(table)), 40)
        raise SettingError(
            f"{name}: {key}: only the table [{UI_TABLE}] stands here: options of a server are for"
            " a file that --config names"
        )
    if not isinstance(ui, dict):
        raise SettingError(f"{name}: {UI_TABLE} must be a table, [{UI_TABLE}]")
    try:
        Preferences.from_mapping(ui)
    except SettingError as error:
        raise SettingError(f"{name}: {error}") from None
    return ui
