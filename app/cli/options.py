"""The options of the command line that several commands share, and the types of their values."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import click
from msgspec import NODEFAULT

from ..core.addresses import Address, split_host_port, without_brackets
from ..core.printable import printable
from ..core.settings import RULES, Appearance, Rule, SettingError, rules_of
from ..core.words.language import Language, choose_language, language_of
from ..recording.plan import Keep, Limits, parse_keep
from .completion import one_of

APPEARANCE: Final = rules_of(Appearance)
_LIMITS: Final = rules_of(Limits)
UI_OPTIONS: Final = ("theme", "ascii", "lang", "refresh", "mouse", "rewind")
"""Options that stand in the table of the dashboard in a configuration file."""
TCP_REMOVED: Final = (
    "control over TCP, with its tokens, was removed: use the Unix socket; from another machine"
    " forward it with ssh -L local.sock:/remote/path.sock HOST"
)
_LIKE_TCP: Final = re.compile(r"(?i)tcp://.*|(\[[0-9a-f:.]*\]|[0-9.]*|localhost):[0-9]+")
Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]

if TYPE_CHECKING:
    ParameterType = click.ParamType[Any]
else:  # click 8.1 knows no parameter types with parameters
    ParameterType = click.ParamType


class Judged(ParameterType):
    """The type of an option or argument whose value a `Rule` judges, as text or as a number."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.name = rule.kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return self.rule.read(value) if isinstance(value, str) else self.rule.judge(value)


def is_service_url(text: str) -> bool:
    """Whether this is what Kubernetes puts into ``NAME_PORT`` for a service of that name."""
    return text.startswith(("tcp://", "udp://", "sctp://"))


class PortArgument(click.Argument):
    """The argument PORT, whose variable may be one of Kubernetes, ``tcp://10.0.0.1:9000``."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        value = super().resolve_envvar_value(ctx)
        return None if value is None or is_service_url(value) else value


class Host(click.types.StringParamType):
    """The name or address of a server; brackets around an IPv6 address are removed."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return without_brackets(str(super().convert(value, param, ctx)))


class ConnectionId(ParameterType):
    """The id of a connection, as the first column of a table has it."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value).removeprefix("#")
        if text.isascii() and text.isdigit() and len(text) < 20 and 0 < int(text) < 2**63:
            return int(text)
        raise click.UsageError(
            f"{printable(str(value), 40)!r} is not the id of a connection: write a whole number"
            " from 1, as in the first column"
        )


class ControlSocket(click.types.StringParamType):
    """The path of a control socket, or the port of its server; TCP is refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        text = str(super().convert(value, param, ctx))
        if _LIKE_TCP.fullmatch(text):
            self.fail(f"{printable(text)!r}: {TCP_REMOVED}", param, ctx)
        return text


class Kept(ParameterType):
    """How much of a recording is kept: a size or an age, with its unit."""

    name = "keep"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Keep:
        return value if isinstance(value, Keep) else parse_keep(str(value))


class RemovedToken(click.types.StringParamType):
    """The value of an option that only TCP control had; every value is refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        self.fail(TCP_REMOVED, param, ctx)


class LoopbackAddress(ParameterType):
    """``19000``, ``127.0.0.1:19000``, ``[::1]:19000``: without a host it is 127.0.0.1."""

    name = "address"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        if isinstance(value, Address):
            return value
        text = str(value)
        host, port = split_host_port(text if ":" in text else f"127.0.0.1:{text}") or ("", "")
        if not host or not port.isascii() or not port.isdecimal() or int(port[:9]) > 65535:
            raise SettingError(
                f"--metrics {printable(text)!r} is not [HOST:]PORT, as in 19000 or 127.0.0.1:19000"
            )
        return Address(host, int(port[:9]))


def together(*decorators: Decorator) -> Decorator:
    """Return one decorator that adds the options of all `decorators`, in their order."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for each in reversed(decorators):
            command = each(command)
        return command

    return decorate


def option(rule: Rule, **how: Any) -> Decorator:
    """Add the option that `rule` declares; `how` overrides arguments of `click.option`."""
    how = {
        "type": Judged(rule),
        "metavar": rule.metavar,
        "help": rule.help,
        "shell_complete": one_of(rule.choices),
        **how,
    }
    if rule.default is not NODEFAULT:
        how = {"default": rule.words(rule.default), "show_default": True, **how}
    return click.option(rule.option, **how)


def chosen_language(lang: str | None) -> Language:
    """Return the language of ``--lang``, or without it that of the locale."""
    return language_of(lang or choose_language(os.environ))


def _join(
    _ctx: click.Context, _parameter: click.Parameter, given: tuple[tuple[Address, ...], ...]
) -> tuple[Address, ...]:
    return tuple(address for each in given for address in each)


def _setting(name: str, rule: Rule) -> Decorator:
    if rule.kind == "addresses":
        return option(rule, multiple=True, callback=_join, show_default=False)
    if name not in ("host", "port"):
        return option(rule)
    return click.argument(
        name,
        type=Judged(rule),
        default=rule.default,
        envvar=f"ECHO_TUI_{rule.option}",
        cls=PortArgument if name == "port" else None,
    )


def _control(metavar: str, which: str) -> Decorator:
    """The option of either end of a control socket.

    The variables are named here because the commands of `ctl` are no `ConfiguredCommand`s.
    """
    return together(
        click.option(
            "--control",
            metavar=metavar,
            type=ControlSocket(),
            envvar="ECHO_TUI_CONTROL",
            help=which,
        ),
        # A flag, variable or key of a version that had TCP control is refused with a reason.
        click.option(
            "--control-token-file",
            type=RemovedToken(),
            envvar="ECHO_TUI_CONTROL_TOKEN_FILE",
            expose_value=False,
            hidden=True,
        ),
    )


server_options: Final = together(
    *(_setting(name, rule) for name, rule in RULES.items()),
    click.option(
        "--step", is_flag=True, help="Let the loop be held before each call, and stepped."
    ),
)
"""The settings of the server: HOST and PORT as arguments, the others as options."""
lang_option: Final = option(APPEARANCE["lang"], default=None, show_default=False)
"""The language of texts for people."""
replay_options: Final = together(
    option(APPEARANCE["theme"]),
    click.option(
        "--ascii",
        is_flag=True,
        default=None,
        help="Draw the dashboard in ASCII, and English; so it is where the locale is not UTF-8.",
    ),
    lang_option,
    option(APPEARANCE["refresh"]),
    click.option(
        "--mouse/--no-mouse",
        default=None,
        help="Whether the mouse chooses and scrolls, or is the terminal's, to select text.",
    ),
)
"""The options of every command that opens a dashboard, also of a recording."""
ui_options: Final = together(replay_options, option(APPEARANCE["rewind"]))
"""The options of every command that opens a dashboard of a server."""
metrics_option: Final = click.option(
    "--metrics",
    type=LoopbackAddress(),
    metavar="[HOST:]PORT",
    help="Figures for Prometheus; HOST is 127.0.0.1 if none is given; 0 = any port.",
)
"""The address of the page for Prometheus."""
record_options: Final = together(
    click.option("--record", metavar="FILE", type=click.Path(path_type=Path), help="Record."),
    # A recording that is forgotten must not fill the disk.
    option(_LIMITS["size"], default="1GiB"),
    option(_LIMITS["age"]),
    click.option(
        "--record-keep",
        metavar="SIZE|AGE",
        type=Kept(),
        help="Keep the latest, in numbered files: 500MiB, 90m, 7d. The limits above do not count.",
    ),
    click.option(
        "--record-payload",
        is_flag=True,
        help="Record kept bytes of peers too.",
    ),
    click.option("--record-force", is_flag=True, help="Replace a recording that exists."),
)
"""The options of every command that can record a server."""
control_options: Final = _control(
    "PATH|PORT|none", "Socket for `attach` and `ctl`.  [default: one per port]"
)
"""The place of the server's control socket."""
client_options: Final = _control(
    "PATH|PORT", "The server: its control socket, or its port.  [default: the only one]"
)
"""The option that chooses the server of a control client."""
