"""SIGHUP with a configuration file: the file is read again, and runtime settings are changed.

Only a value that differs from the last reading of the configuration is applied. So a setting that
was changed in another way in the meantime stays, unless the file has a new value for it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from ..core.commands import Command, Set
from ..core.printable import printable
from ..core.settings import RUNTIME_SETTINGS, SettingError
from .configuration import current, read_again

if TYPE_CHECKING:
    from ..host.log import LogWriter
    from ..host.systemd import Notifier


class Reloader:
    """Reads the configuration again and applies it."""

    def __init__(
        self,
        ctx: click.Context,
        changes: Mapping[str, Callable[[Any], None]],
        tell: Callable[[str, str], None],
    ) -> None:
        """`changes` maps the name of each parameter that may change to the call that changes it.

        `tell` is called with a level and a text for the operator.
        """
        self._ctx = ctx
        self._changes = changes
        self._tell = tell
        self._path = printable(current(ctx).path, 200)
        self._started = self._last = dict(ctx.params)

    def __call__(self) -> None:
        """Apply new values, and report those that need a restart; a wrong file changes nothing."""
        if _is_irregular(current(self._ctx).path):
            # A pipe has been read, or has nobody who writes; a restart may give it a writer.
            text = f"{self._path} is no regular file, and is read at the start only"
            self._tell("error", f"{text}; nothing was changed")
            return
        try:
            values = read_again(self._ctx)
        except (SettingError, click.ClickException) as error:
            self._tell("error", f"{error}; nothing was changed")
            return
        news = [name for name in self._changes if values[name] != self._last[name]]
        self._last = values
        for name in news:
            self._changes[name](values[name])
        for name, value in values.items():
            if name not in self._changes and value != self._started[name]:
                key = name.replace("_", "-")
                new, old = (_words(each) for each in (value, self._started[name]))
                text = (
                    f"{self._path}: {key} = {new}: from the next start on; until then it is {old}"
                )
                self._tell("warning", text)
        changed = ", ".join(name.replace("_", "-") for name in news)
        self._tell("info", f"{self._path} was read again; new values: {changed or 'none'}")


def _is_irregular(path: str) -> bool:
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False  # reading it says what is wrong


def _words(value: object) -> str:
    """Return the value as a file has it; a NamedTuple is one value, and no list of values."""
    if value is None:
        return "not set"
    return ", ".join(map(str, value)) if type(value) is tuple else str(value)


def reload_on_hangup(
    submit: Callable[[Command], None],
    tell: Callable[[str, str], None],
    log: LogWriter,
    systemd: Notifier,
    status: str,
) -> Callable[[], None] | None:
    """Return what SIGHUP calls; None without a configuration file, where SIGHUP is a stop.

    `status` is the line that systemd shows once the file was read.
    """
    ctx = click.get_current_context()
    if not current(ctx).path:
        return None

    def change_of(name: str) -> Callable[[Any], None]:
        return lambda value: submit(Set(request=0, name=name, value=value))

    changes = {"log_level": log.set_level} | {name: change_of(name) for name in RUNTIME_SETTINGS}
    read_configuration = Reloader(ctx, changes, tell)

    def reload() -> None:
        systemd.reloading()
        read_configuration()
        systemd.ready(status)

    return reload
