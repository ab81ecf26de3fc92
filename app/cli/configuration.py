"""The three sources of an option's value: a flag beats the environment, which beats the file.

click itself does the precedence: `ECHO_TUI_<OPTION>` is its automatic environment variable and the
file is its default map, so every option of a command can be set in all three ways. This module
reads the file, judges each value of the file and of the environment as strictly as a flag, even if
a flag beats it, and names the place of a mistake.
"""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from ..core.addresses import Address
from ..core.printable import printable
from ..core.settings import SettingError, suggestion
from ..watch.views import Views, read_views
from .options import UI_OPTIONS, Judged, is_service_url
from .ui_file import UI_TABLE, load_toml, own_file, read_own_file

PREFIX: Final = "ECHO_TUI"
"""The prefix of the environment variables of options; an underscore follows."""
NEVER_IN_A_FILE: Final = frozenset({"config", "show_config", "help"})
_ARGUMENTS: Final = f"{__name__}.arguments"
_IGNORED: Final = f"{__name__}.ignored"
_OF_KUBERNETES: Final = re.compile(
    rf"{PREFIX}_(SERVICE|PORT)_\w+"
    rf"|{PREFIX}_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
"""Variables that Kubernetes sets in every pod beside a service `echo-tui` or `echo-tui-NAME`."""
_PURE: Final = f"{PREFIX}_PURE"
"""A variable for builds of the package; it is no option."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """The content of a configuration file."""

    path: str = ""
    """The name of the file; empty without one."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """The values of options, by the names of their parameters (`max_connections`)."""
    ui: Mapping[str, Any] = field(default_factory=dict)
    """The table `[ui]`, as it stands in the file."""


def current(ctx: click.Context) -> Configuration:
    """Return the configuration file that was read for this run of a `ConfiguredCommand`."""
    return ctx.obj if isinstance(ctx.obj, Configuration) else Configuration()


def chosen_ui(ctx: click.Context) -> dict[str, Any]:
    """Return the choices for the dashboard: the file's table, and the options that beat it.

    Without a file the person's own is read (`ui_file`). Raises `SettingError`.
    """
    file = current(ctx)
    chosen = dict(file.ui if file.path else read_own_file())
    for name in UI_OPTIONS:
        is_default = ctx.get_parameter_source(name) is ParameterSource.DEFAULT
        if ctx.params.get(name) is not None and not (is_default and name in chosen):
            chosen[name] = ctx.params[name]
    return chosen


def views_of(ctx: click.Context, path: str | None) -> Views:
    """Return the views of the file at `path`, or without one of the person's own file.

    Raises `SettingError`.
    """
    ui = read(path, _configurable(ctx)).ui if path else read_own_file()
    return read_views(ui.get("views", {}))


def place_of_ui(ctx: click.Context) -> Path | None:
    """Return the file in which choices for the dashboard are kept; None if there is no place."""
    path = current(ctx).path
    return Path(path).absolute() if path else own_file()


def read(path: str, parameters: Mapping[str, click.Parameter]) -> Configuration:
    """Read the TOML file `path` and judge what it says. Raises `SettingError`."""
    name, table = printable(path, 200), load_toml(path, "--config ")
    ui = table.pop(UI_TABLE, {})
    if not isinstance(ui, dict):
        raise SettingError(f"{name}: {UI_TABLE} = {_toml(ui)}: it must be a table, [{UI_TABLE}]")
    values: dict[str, Any] = {
        key: _from_file(f"{name}: [{UI_TABLE}] {key}", parameters[key], value)
        for key, value in ui.items()
        if key in parameters
    }
    if ui:
        from ..ui.preferences import Preferences  # the table and a mistake alone cost the import

        _judge(name, Preferences.from_mapping, ui)
    for key, value in table.items():
        parameter = key.replace("-", "_")
        if parameter in UI_OPTIONS or (parameter not in parameters and _is_of_ui(parameter)):
            raise SettingError(f"{name}: {key} stands in the table [{UI_TABLE}]")
        if parameter not in parameters:
            known = [
                name.replace("_", "-")
                for name, option in parameters.items()
                if name not in UI_OPTIONS and not getattr(option, "hidden", False)
            ]
            raise SettingError(f"{name}: unknown key {key!r}: {_suggestion(key, known)}")
        if parameter in values:
            raise SettingError(f"{name}: {key} stands there twice, with '-' and with '_'")
        values[parameter] = _from_file(f"{name}: {key}", parameters[parameter], value)
    return Configuration(path, values, ui)


def _is_of_ui(key: str) -> bool:
    from ..ui.preferences import setting_names  # only a mistake, or the table, costs the import

    return key in setting_names()


def _suggestion(name: str, known: Iterable[str]) -> str:
    meant = suggestion(name, known).removeprefix(", ")
    return meant or f"known are {', '.join(sorted(known))}"


def _from_file(place: str, parameter: click.Parameter, value: object) -> object:
    """Return what click is to use for `value`. Raises `SettingError`."""
    place = f"{place} = {printable(_toml(value), 64)}"
    if isinstance(parameter.type, Judged):
        return _judge(place, parameter.type.rule.judge, value)
    kinds: set[type]
    if isinstance(parameter, click.Option) and parameter.is_flag:
        kinds, words = {bool}, "true or false"
    elif isinstance(parameter.type, click.types.StringParamType | click.Path):
        kinds, words = {str}, "text in quotes"
    else:
        kinds, words = {int, str}, "a whole number, or text in quotes"
    if type(value) not in kinds:  # a bool is an int to isinstance
        raise SettingError(f"{place}: it must be {words}")
    _judge(place, partial(_convert, parameter), str(value))
    return value if isinstance(value, bool) else str(value)


def environment_note(ctx: click.Context) -> str:
    """Name the variables that were ignored at this run of a `ConfiguredCommand`; may be empty."""
    ignored = ctx.meta.get(_IGNORED, ())
    return f"ignored, as Kubernetes sets them: {', '.join(ignored)}" if ignored else ""


def check_environment(
    environment: Mapping[str, str], parameters: Mapping[str, click.Parameter]
) -> list[str]:
    """Refuse unknown variables with our prefix, and values that the flag would refuse.

    An empty variable counts as none, as everywhere in click. Returns the names of variables of
    Kubernetes, which are ignored. Raises `SettingError`.
    """
    ignored: list[str] = []
    known = {variable(name): parameter for name, parameter in parameters.items()}
    known[variable("config")] = click.Option(["--config"])
    for name, value in environment.items():
        if not name.startswith(f"{PREFIX}_") or name == _PURE:
            continue
        if _OF_KUBERNETES.fullmatch(name) or (name.endswith("_PORT") and is_service_url(value)):
            ignored.append(printable(name))
            continue
        if name not in known:
            raise SettingError(
                f"unknown environment variable {printable(name)}: {_suggestion(name, known)}"
            )
        if value:
            _judge(f"{name}={printable(value)}", partial(_convert, known[name]), value)
    return sorted(ignored)


def variable(parameter: str) -> str:
    """Return the name of the environment variable of a parameter."""
    return f"{PREFIX}_{parameter.upper()}"


def _convert(parameter: click.Parameter, text: str) -> object:
    return parameter.type.convert(text, parameter, None)


def _judge(place: str, judge: Callable[[Any], object], value: object) -> object:
    """Return what `judge` makes of `value`; a refusal begins with the `place` of the value."""
    try:
        return judge(value)
    except click.UsageError as error:
        raise SettingError(f"{place}: {error.message}") from None
    except SettingError as error:
        raise SettingError(f"{place}: {error}") from None


class ConfiguredCommand(click.Command):
    """A command whose options can also stand in the environment and in a file."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.context_settings.setdefault("auto_envvar_prefix", PREFIX)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_ARGUMENTS] = list(args)
        if not ctx.resilient_parsing:
            ctx.meta[_IGNORED] = check_environment(os.environ, _configurable(ctx))
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        if ctx.params.pop("show_config", False):
            click.echo("\n".join(_shown(ctx)))
            return 0
        return super().invoke(ctx)


def read_again(ctx: click.Context) -> dict[str, Any]:
    """Return the values of the options as if the program was started now with its arguments.

    The file may have changed, the environment and the arguments have not. Raises `SettingError`.
    """
    again = ctx.command.make_context(ctx.info_name, list(ctx.meta[_ARGUMENTS]), parent=ctx.parent)
    again.params.pop("show_config", None)
    return again.params


def _configurable(ctx: click.Context) -> dict[str, click.Parameter]:
    """Return the configurable parameters of all commands by name: they may share one file."""
    top = ctx.find_root().command
    commands = top.commands.values() if isinstance(top, click.Group) else [ctx.command]
    return {
        parameter.name: parameter
        for command in commands
        if isinstance(command, ConfiguredCommand)
        for parameter in command.params
        if parameter.name and parameter.name not in NEVER_IN_A_FILE
    }


def _read_file(ctx: click.Context, _parameter: click.Parameter, path: str | None) -> None:
    if path and not ctx.resilient_parsing:
        ctx.obj = read(path, _configurable(ctx))
        ctx.default_map = dict(ctx.obj.values)


file_option: Final = click.option(
    "--config",
    type=click.Path(),
    metavar="FILE",
    is_eager=True,
    expose_value=False,
    callback=_read_file,
    help=f"TOML with these options; {PREFIX}_<OPTION> beats it, a flag beats both.",
)
"""The option that names the file."""
show_option: Final = click.option(
    "--show-config",
    is_flag=True,
    allow_from_autoenv=False,
    help="Print each value and where it comes from, as TOML, and exit.",
)
"""The option that prints every value and its source."""


def _shown(ctx: click.Context) -> list[str]:
    is_headless = ctx.params.get("no_ui", False)  # then nobody's own file counts
    ui = current(ctx).ui if is_headless else chosen_ui(ctx)
    file = f"file {printable(str(place_of_ui(ctx)), 200)}"
    rows: dict[str, list[tuple[str, object, str]]] = {"": [], UI_TABLE: []}
    asked = ctx.params.get("listen", ())
    listen = choose_listen(ctx, asked)
    for parameter in ctx.command.get_params(ctx):
        if parameter.name in ctx.params:
            value, origin = ctx.params[parameter.name], _origin(ctx, parameter)
            if isinstance(parameter.type, Judged):
                value = parameter.type.rule.words(value)
            # A file may not say both: what is beaten is left out.
            if listen and parameter.name in ("host", "port"):
                value, origin = None, "listen says it"
            elif asked and not listen and parameter.name == "listen":
                value, origin = None, "host or port beats it"
            if parameter.name in UI_OPTIONS and parameter.name in ui and origin == "default":
                own = ui[parameter.name]
                if isinstance(parameter.type, Judged):
                    own = parameter.type.rule.words(parameter.type.rule.judge(own))
                value, origin = (value, origin) if own == value else (own, file)
            row = (parameter.name.replace("_", "-"), value, origin)
            rows[UI_TABLE if parameter.name in UI_OPTIONS else ""].append(row)
    for key, value in ui.items():
        if isinstance(value, dict):
            rows[f"{UI_TABLE}.{key}"] = [(name, each, file) for name, each in value.items()]
        elif key not in ctx.params:
            rows[UI_TABLE].append((key, value, file))
    lines = _aligned(rows.pop(""))
    for table, entries in rows.items():
        if entries:
            lines += ["", f"[{table}]", *_aligned(entries)]
    return lines


def _aligned(rows: list[tuple[str, object, str]]) -> list[str]:
    """One line each: ``name = value  # origin``; without a value the whole line is a comment."""
    left = [
        f"{_key(name)} = {_toml(value)}" if value is not None else f"# {_key(name)} is not set"
        for name, value, _ in rows
    ]
    width = max(map(len, left), default=0)
    return [f"{text:{width}}  # {origin}" for text, (_, _, origin) in zip(left, rows, strict=True)]


def choose_listen(ctx: click.Context, listen: tuple[Address, ...]) -> tuple[Address, ...]:
    """Return the addresses of ``--listen`` unless HOST or PORT beat them (a flag beats a variable,
    which beats the file). Raises `SettingError` if both come from one place.
    """
    strengths = (
        ParameterSource.DEFAULT,
        ParameterSource.DEFAULT_MAP,
        ParameterSource.ENVIRONMENT,
        ParameterSource.COMMANDLINE,
    )

    def strength(name: str) -> int:
        source = ctx.get_parameter_source(name)
        return strengths.index(source) if source in strengths else 0

    other = max(("host", "port"), key=strength)
    if not listen or strength(other) > strength("listen"):
        return ()
    if strength(other) == strength("listen"):
        raise SettingError(
            f"--listen {listen[0]} and {other.upper()} {ctx.params[other]}: give one of them;"
            " --listen says both host and port"
        )
    return listen


def _origin(ctx: click.Context, parameter: click.Parameter) -> str:
    assert parameter.name is not None
    match ctx.get_parameter_source(parameter.name):
        case ParameterSource.COMMANDLINE:
            return "command line"
        case ParameterSource.ENVIRONMENT:
            return f"environment {variable(parameter.name)}"
        case ParameterSource.DEFAULT_MAP:
            return f"file {printable(current(ctx).path, 200)}"
        case _:
            return "default"


def _key(name: str) -> str:
    plain = name.replace("_", "").replace("-", "")
    return name if plain.isascii() and plain.isalnum() else _quoted(name)


def _quoted(text: str) -> str:
    """JSON's escapes are TOML's, but for DEL, which JSON leaves as it is."""
    import json

    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml(value: object) -> str:
    """A value as TOML writes it, on one line."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float() | datetime.date() | datetime.time():
            return str(value)
        case str():
            return _quoted(value)
        case list():
            return f"[{', '.join(map(_toml, value))}]"
        case dict():
            return "{" + ", ".join(f"{_key(k)} = {_toml(v)}" for k, v in value.items()) + "}"
        case _:
            return _toml(str(value))
