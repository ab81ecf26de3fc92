"""The options of the command line that several commands share, and the types of their values."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from ..core.addresses import Address
from ..core.printable import printable
from ..core.settings import (
    POLLER_NAMES,
    TRACE_LEVELS,
    WRITE_MODES,
    SettingError,
    Settings,
    parse_decimal,
    parse_size,
    parse_whole,
)
from ..ui.preferences import THEMES
from .completion import one_of

DEFAULTS = Settings()
TCP_REMOVED: Final = (
    "control over TCP, with its tokens, was removed: use the Unix socket; from another machine"
    " forward it with ssh -L local.sock:/remote/path.sock HOST"
)
_LIKE_TCP: Final = re.compile(r"(?i)tcp://.*|(\[[0-9a-f:.]*\]|[0-9.]*|localhost):[0-9]+")
F = TypeVar("F", bound=Callable[..., Any])


if TYPE_CHECKING:
    IntParameter = click.ParamType[int]
    AddressParameter = click.ParamType[Address]
else:
    IntParameter = AddressParameter = (
        click.ParamType
    )  # click 8.1 knows no parameter types with parameters


class Size(IntParameter):
    """``65536``, ``64KiB``, ``1MiB``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_size(value)
        except SettingError as error:
            self.fail(str(error), param, ctx)


class Whole(click.types.IntParamType):
    """A whole number in ASCII digits; its range is judged with the other settings."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return parse_whole(value) if isinstance(value, str) else int(value)
        except SettingError as error:
            self.fail(str(error), param, ctx)


class Decimal(click.types.FloatParamType):
    """A number in ASCII digits; its range is judged with the other settings."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            return parse_decimal(value) if isinstance(value, str) else float(value)
        except SettingError as error:
            self.fail(str(error), param, ctx)


class Host(click.types.StringParamType):
    """A name or an address; the brackets that an IPv6 address has before a port are taken off."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        host = str(super().convert(value, param, ctx))
        return host[1:-1] if host.startswith("[") and host.endswith("]") else host


class Port(IntParameter):
    """A port number; its range is judged with the other settings."""

    name = "port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return parse_whole(str(value))
        except SettingError:
            raise click.UsageError(
                f"PORT {printable(str(value))!r} is not a number: it must be 0 to 65,535"
            ) from None


class ConnectionId(IntParameter):
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


class RemovedToken(click.types.StringParamType):
    """The value of an option that only TCP control had; every value is refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        self.fail(TCP_REMOVED, param, ctx)


class LoopbackAddress(AddressParameter):
    """``9100``, ``127.0.0.1:9100``, ``[::1]:9100``: without a host it is 127.0.0.1."""

    name = "address"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        if isinstance(value, Address):
            return value
        host, colon, port = str(value).rpartition(":")
        host = host.removeprefix("[").removesuffix("]") if colon else "127.0.0.1"
        if not host or not port.isascii() or not port.isdecimal() or int(port[:9]) > 65535:
            shown = printable(str(value))
            self.fail(f"{shown!r} is not [HOST:]PORT, as in 9100 or 127.0.0.1:9100", param, ctx)
        return Address(host, int(port[:9]))


def metrics_option(command: F) -> F:
    """Where Prometheus may ask for figures."""
    return click.option(
        "--metrics",
        type=LoopbackAddress(),
        metavar="[HOST:]PORT",
        help="Figures for Prometheus; HOST is 127.0.0.1 if none is given; 0 = any port.",
    )(command)


def setting(name: str, text: str, metavar: str = "N", **how: Any) -> Callable[[F], F]:
    """The option of one server setting, with its default."""
    how = {"show_default": True, "default": getattr(DEFAULTS, name), **how}
    if "type" not in how and isinstance(how["default"], int | float):
        how["type"] = Whole() if isinstance(how["default"], int) else Decimal()
    if "|" in metavar:
        how["shell_complete"] = one_of(metavar.split("|"))
    return click.option("--" + name.replace("_", "-"), metavar=metavar, help=text, **how)


def server_options(command: F) -> F:
    """The options that every way of running the server has."""
    body = "Seconds for a frame, from its first byte; 0 = off."
    write = "Seconds that a pending echo waits for the peer to take a byte; 0 = off."
    options = [
        click.argument("host", default=DEFAULTS.host, envvar="ECHO_TUI_HOST"),
        click.argument("port", type=Port(), default=DEFAULTS.port, envvar="ECHO_TUI_PORT"),
        setting("cap", "Largest body accepted.", "SIZE", type=Size(), show_default="1MiB"),
        setting("poller", "How the loop waits.", "|".join(POLLER_NAMES)),
        setting("write_mode", "Write first, or arm POLLOUT first.", "|".join(WRITE_MODES)),
        setting("max_connections", "More are accepted and closed at once as `limit`."),
        setting("backlog", "Connections that may wait for accept."),
        setting("header_timeout", "Seconds for a header, from its first byte; 0 = off.", "S"),
        setting("body_timeout", body, "S"),
        setting("write_timeout", write, "S"),
        setting("idle_timeout", "Seconds between frames; 0 = off.", "S"),
        setting("grace", "Seconds that a stop may take.", "S"),
        setting("workers", "Processes that serve; 0 = a thread of this one does."),
        setting("trace", "Tell every state change, or every call.", "|".join(TRACE_LEVELS)),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def ui_options(command: F) -> F:
    """The options that every way of showing the dashboard has."""
    options = [
        click.option(
            "--theme",
            default=THEMES[0],
            show_default=True,
            metavar="|".join(THEMES),
            help="Colours of the dashboard.",
        ),
        click.option(
            "--ascii",
            is_flag=True,
            default=None,
            help="Draw the dashboard in ASCII; so it is where the locale is not UTF-8.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def control_options(command: F) -> F:
    """The option that says where a server has its control socket."""
    return _control("PATH|PORT|none", "Socket for `attach` and `ctl`.  [default: one per port]")(
        command
    )


def client_options(command: F) -> F:
    """The option that says which server a client of the control socket means."""
    which = "The server: its control socket, or its port.  [default: the only one]"
    return _control("PATH|PORT", which)(command)


def _control(metavar: str, which: str) -> Callable[[F], F]:
    """The option of either end of a control socket.

    The variables are named here because the commands of `ctl` are no `ConfiguredCommand`s.
    """

    def decorate(command: F) -> F:
        # A flag, variable or key of a version that had TCP control is refused with a reason.
        command = click.option(
            "--control-token-file",
            type=RemovedToken(),
            envvar="ECHO_TUI_CONTROL_TOKEN_FILE",
            expose_value=False,
            hidden=True,
        )(command)
        return click.option(
            "--control",
            metavar=metavar,
            type=ControlSocket(),
            envvar="ECHO_TUI_CONTROL",
            help=which,
        )(command)

    return decorate
