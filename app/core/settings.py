"""The server's settings, and the one place where a value is judged, wherever it came from.

A value is declared once, as an annotated field of a struct: type, range, unit, default and help
text. A `Rule` is read off that declaration and judges the value of a flag, a variable, a file, a
command, a dialog. Every refusal is a `SettingError` whose text is one line: the value, what was
wrong with it, and what to do.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from enum import EnumType
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args

import msgspec
from msgspec import NODEFAULT, Meta, Struct

from .addresses import Address, split_host_port, without_brackets
from .printable import printable

KIB: Final = 1024
MIB: Final = 1024**2
GIB: Final = 1024**3

PollerName: TypeAlias = Literal["auto", "epoll", "epoll-et", "poll", "select", "kqueue"]
TIMEOUTS: Final = ("header_timeout", "body_timeout", "write_timeout", "idle_timeout")
RUNTIME_SETTINGS: Final = ("cap", "write_mode", "max_connections", "max_per_peer", *TIMEOUTS)
"""The settings that a running server takes."""

_UNITS: Final = {
    "": 1,
    "B": 1,
    "K": KIB,
    "KIB": KIB,
    "KB": 1000,
    "M": MIB,
    "MIB": MIB,
    "MB": 1000**2,
    "G": GIB,
    "GIB": GIB,
    "GB": 1000**3,
}
_SIZE = re.compile(r"\s*(\d{1,20})\s*([A-Za-z]*)\s*", re.ASCII)
_KINDS: Final = {
    "size": "a size: write bytes, or KiB, MiB, GiB, as in 64KiB",
    "whole": "a whole number: write it in digits, as in 64",
    "decimal": "a number: write it in digits, as in 2.5",
    "text": "text: write it in quotes",
    "host": "text: write it in quotes",
    "addresses": "a list of HOST:PORT: write each in quotes",
    "fault": "a SPEC: write it in quotes, as in 'slice=1'",
}


_ALL_ADDRESSES: Final = "write 127.0.0.1 for this machine alone, or :: for all its addresses"


class SettingError(ValueError):
    """A value that the server cannot take; the text says which, why and what to do."""


_MOST_DIGITS: Final = 20


def parse_size(text: str) -> int:
    """Return the bytes that ``65536``, ``64K``, ``2MB`` mean (K is 1024). Raises `SettingError`."""
    match = _SIZE.fullmatch(text)
    unit = _UNITS.get(match[2].upper()) if match else None
    if match is None or unit is None or len(match[1]) > _MOST_DIGITS:
        raise SettingError(f"{_shown(text)} is not {_KINDS['size']}")
    return int(match[1]) * unit


def _parse_number(text: str, kind: str) -> float:
    # Python's own take the digits of every script, and underscores between them.
    try:
        if not text.isascii() or "_" in text:
            raise ValueError
        return int(text) if kind == "whole" else float(text)
    except ValueError:
        raise SettingError(f"{_shown(text)} is not {_KINDS[kind]}") from None


def _shown(value: object) -> str:
    """A wrong value for a message: bounded, on one line, text in quotes."""
    if isinstance(value, str):
        return f"'{printable(value, 40)}'"
    return str(value).lower() if isinstance(value, bool) else printable(str(value), 40)


def format_size(size: int) -> str:
    """Write bytes in the largest unit that divides them: ``1MiB``, ``64KiB``, ``1000B``."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size and size % unit == 0:
            return f"{size // unit}{name}"
    return f"{size}B"


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ``, did you mean 'kill'?`` with the most similar known word, or an empty string."""
    close = get_close_matches(word, list(known), n=1)
    return f", did you mean {close[0]!r}?" if close else ""


class Rule:
    """Judges one value by the annotation of the field that declares it."""

    def __init__(self, name: str, annotation: Any, default: Any = NODEFAULT) -> None:
        """`annotation` is ``Annotated[type, Meta(…)]``.

        The `Meta` has the bounds and the help text (`description`). In its `extra` stand `unit`
        (for messages; one that begins with ``bytes`` makes the value a size), and, where they do
        not follow from the name and the type, `option` (``PORT``) and `metavar`;
        `may_be_zero` allows a 0 that the bounds exclude; `kind` is ``host``, ``addresses``
        or ``fault`` where the type does not say it.
        """
        base, meta = get_args(annotation)
        extra = meta.extra or {}
        self.name = name
        self.default = default
        self.help: str = meta.description or ""
        kind: str = extra.get("kind", "")
        choices: Iterable[Any] = base if isinstance(base, EnumType) else get_args(base)
        choices = () if kind else choices
        self.choices: tuple[str, ...] = tuple(map(str, choices))
        self._bounds = (meta.ge, meta.le)
        self._may_be_zero: bool = extra.get("may_be_zero", False)
        self.option: str = extra.get("option", "--" + name.replace("_", "-"))
        self._unit: str = extra.get("unit", "")
        self._annotation = annotation
        self._fitting = {float: (int, float), int: (int,)}.get(base, ())
        kinds = {int: "whole", float: "decimal", str: "text"}
        usual_kind = "size" if self._unit.startswith("bytes") else kinds.get(base, "choice")
        self.kind = kind or usual_kind
        usual = "|".join(self.choices) or ("S" if self._unit[:1] == "s" else "N")
        self.metavar: str = extra.get("metavar", "SIZE" if self.kind == "size" else usual)

    def judge(self, value: object) -> Any:
        """Return `value` in the declared type; a size may have a unit. Raises `SettingError`."""
        if self.kind == "size" and isinstance(value, str):
            return self.read(value)
        if self.kind == "host" and isinstance(value, str):
            return self._judge_host(value)
        if self.kind == "addresses":
            return self._judge_addresses(value)
        if self.kind == "fault" and isinstance(value, str):
            return self._judge_fault(value)
        return self._judge(value, _shown(value))

    def read(self, text: str) -> Any:
        """Return the value that `text` says on the command line, or raise `SettingError`."""
        if self.kind not in ("size", "whole", "decimal"):
            return self.judge(text)
        try:
            value = parse_size(text) if self.kind == "size" else _parse_number(text, self.kind)
        except SettingError as error:
            raise SettingError(f"{self.option} {error}") from None
        return self._judge(value, printable(text.strip(), 40))

    def words(self, value: Any) -> Any:
        """Return the value as a file has it: a size is text with its unit."""
        if self.kind == "addresses":
            return [str(address) for address in value]
        return format_size(value) if self.kind == "size" else getattr(value, "value", value)

    def _judge_host(self, text: str) -> str:
        host = without_brackets(text.strip())
        if not host:
            raise SettingError(f"{self.option} {_shown(text)} is empty: {_ALL_ADDRESSES}")
        return host

    def _judge_addresses(self, value: object) -> tuple[Address, ...]:
        """`value` is an `Address`, text with commas or spaces between several, or a list of both.

        None at all is an empty list.
        """
        if isinstance(value, Address):
            return (value,)
        if isinstance(value, str):
            if not value.strip(" ,"):
                raise SettingError(f"{self.option} {_shown(value)} is empty: {_ALL_ADDRESSES}")
            return tuple(map(self._judge_address, value.replace(",", " ").split()))
        if isinstance(value, list | tuple) and all(
            isinstance(each, str | Address) for each in value
        ):
            return tuple(address for each in value for address in self._judge_addresses(each))
        raise SettingError(f"{self.option} {_shown(value)} is not {_KINDS[self.kind]}")

    def _judge_fault(self, text: str) -> str:
        from .fault_spec import parse_fault

        try:
            return parse_fault(text).text if text else ""
        except SettingError as error:
            raise SettingError(f"{self.option} {error}") from None

    def _judge_address(self, text: str) -> Address:
        divided = split_host_port(text)
        if divided is None:
            raise SettingError(
                f"{self.option} {_shown(text)} is not HOST:PORT, as in 127.0.0.1:9000 or [::1]:9000"
            )
        try:
            return Address(divided[0], RULES["port"].read(divided[1]))
        except SettingError as error:
            raise SettingError(f"{self.option} {_shown(text)}: {error}") from None

    def _judge(self, value: object, shown: str) -> Any:
        try:
            return msgspec.convert(value, self._annotation)
        except msgspec.ValidationError:
            if self._may_be_zero and value == 0 and type(value) in self._fitting:
                return value
            raise SettingError(f"{self.option} {self._complaint(value, shown)}") from None

    def _complaint(self, value: object, shown: str) -> str:
        if self.choices:
            close = suggestion(value, self.choices) if isinstance(value, str) else ""
            return f"{shown}{close}: choose from {', '.join(self.choices)}"
        if type(value) not in self._fitting:  # a bool is an int to isinstance
            return f"{shown} is not {_KINDS[self.kind]}"
        low, high = self._bounds
        unit = f" {self._unit}" if self._unit else ""
        return f"{shown} is out of range: it must be {low:,} to {high:,}{unit}"


@functools.cache
def rules_of(declared: type[Struct]) -> Mapping[str, Rule]:
    """Return the rules of the fields of a struct that have a `Meta`, by name."""
    return {
        field.name: Rule(field.name, field.type, field.default)
        for field in msgspec.structs.fields(declared)
        if hasattr(field.type, "__metadata__")
    }


def bounds(low: float, high: float, text: str = "", **extra: object) -> Meta:
    """Declare the least and the greatest value, the help `text`, and what else a `Rule` reads."""
    return Meta(ge=low, le=high, description=text, extra=extra)


def judge_all(values: Struct) -> None:
    """Raise `SettingError` unless each value is its default, or one that its rule allows."""
    for name, rule in rules_of(type(values)).items():
        value = getattr(values, name)
        if value != rule.default or type(value) is not type(rule.default):
            rule.judge(value)


PeerPort: TypeAlias = Annotated[int, bounds(1, 65535, option="PORT")]
"""The port of a server to connect to."""


class Appearance(Struct, frozen=True, kw_only=True):
    """The declarations of the options about the screen and the log."""

    theme: Annotated[
        Literal["dark", "light", "high-contrast", "colour-blind"],
        Meta(description="Colours of the dashboard."),
    ] = "dark"
    lang: Annotated[
        Literal["en", "ko"],
        Meta(description="Language of help, lab and verdicts.  [default: the locale's, or en]"),
    ] = "en"
    refresh: Annotated[
        float,
        bounds(
            0.1,
            60,
            "Seconds between two drawings; 0 = by machine and link.",
            unit="s (0 = by machine and link)",
            may_be_zero=True,
        ),
    ] = 0.0
    rewind: Annotated[
        int,
        bounds(0, GIB, "Memory for going back in time; 0 = none.", unit="bytes (1 GiB; 0 = none)"),
    ] = 16 * MIB
    log_format: Annotated[
        Literal["text", "json"], Meta(description="Format of the event lines.")
    ] = "text"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="Least level of event lines.  [default: info; with --trace debug]"),
    ]


def _timeout(text: str) -> Meta:
    return bounds(0, 86_400, f"{text}; 0 = off.", unit="s (0 = off)")


class Settings(Struct, frozen=True):
    """One immutable set of server settings; sizes in bytes, times in seconds, 0 s = off.

    Raises `SettingError` for a value that its declaration does not allow.
    """

    host: Annotated[str, Meta(extra={"option": "HOST", "kind": "host"})] = "127.0.0.1"
    """An address or a name; ``::`` is all interfaces, dual-stack."""
    port: Annotated[int, bounds(0, 65535, option="PORT")] = 9000
    """The kernel chooses a port for 0."""
    listen: Annotated[
        tuple[Address, ...],
        Meta(
            description="Serve there instead of HOST and PORT; may be given several times.",
            extra={"kind": "addresses", "metavar": "HOST:PORT"},
        ),
    ] = ()
    """If not empty, `host` and `port` do not count."""
    cap: Annotated[int, bounds(1, GIB, "Largest body accepted.", unit="bytes (1 GiB)")] = MIB
    poller: Annotated[PollerName, Meta(description="How the loop waits.")] = "auto"
    write_mode: Annotated[
        Literal["direct", "armed"], Meta(description="Write first, or arm POLLOUT first.")
    ] = "direct"
    max_connections: Annotated[
        int, bounds(1, 1_000_000, "More are accepted and closed at once as `limit`.")
    ] = 10_000
    max_per_peer: Annotated[
        int,
        bounds(
            0,
            1_000_000,
            "The same for the connections of one address; 0 = off.",
            unit="(0 = off)",
        ),
    ] = 0
    backlog: Annotated[int, bounds(1, 65535, "Connections that may wait for accept.")] = 4096
    """The kernel lowers it to its somaxconn."""
    header_timeout: Annotated[float, _timeout("Seconds for a header, from its first byte")] = 10.0
    body_timeout: Annotated[float, _timeout("Seconds for a frame, from its first byte")] = 60.0
    write_timeout: Annotated[
        float, _timeout("Seconds without an acknowledgement of what was sent, or below 1 KiB/s")
    ] = 30.0
    """It counts from the first byte that is written, or pending, and not acknowledged."""
    idle_timeout: Annotated[float, _timeout("Seconds between frames, once all is acknowledged")] = (
        0.0
    )
    """Off by default: TCP keep-alive finds a peer that vanished."""
    grace: Annotated[float, bounds(0, 3600, "Seconds that a stop may take.", unit="s")] = 5.0
    workers: Annotated[
        int,
        bounds(
            0,
            256,
            "Processes that serve; 0 = a thread of this one does.",
            unit="(0 = none, this process serves)",
        ),
    ] = 0
    keep_closed: Annotated[
        int, bounds(0, 100_000, "Closed connections that `ctl list --closed` knows.")
    ] = 200
    """About 1 KiB of memory each. Failures are kept apart: see `app.watch.kept_closed`."""
    capture: Annotated[
        int,
        bounds(
            0,
            MIB,
            "Bytes kept of what each connection sends, from its first one; 0 = none.",
            unit="bytes (1 MiB; 0 = none)",
        ),
    ] = 4 * KIB
    """With the cuts and times of the reads, also once it has closed (`keep_closed`)."""
    capture_total: Annotated[
        int,
        bounds(0, GIB, "Memory for the bytes of all connections.", unit="bytes (1 GiB)"),
    ] = 16 * MIB
    """Beyond it the oldest closed ones lose theirs, then open ones all but their last 64."""
    trace: Annotated[
        Literal["off", "state", "loop", "io"],
        Meta(description="Tell every state change, the loop's iterations, or every call."),
    ] = "off"
    step: bool = False
    """Whether the loop can be held before each of its calls, and stepped."""
    fault: Annotated[
        str,
        Meta(
            description="Treat every connection so, on purpose: slice=1..3,gap=0.05 and the like.",
            extra={"kind": "fault", "metavar": "SPEC"},
        ),
    ] = ""
    """A SPEC of `app.core.fault_spec`; empty for none."""

    def __post_init__(self) -> None:
        judge_all(self)
        if self.step and self.workers:
            raise SettingError("--step holds the one loop of a server: leave --workers out")

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where to listen, as it was asked for; one at least."""
        return self.listen or (Address(self.host, self.port),)

    def replace(self, name: str, value: object) -> Settings:
        """Return the same settings with one runtime setting changed.

        Text is read as on the command line (``64KiB``, ``2.5``). Raises `SettingError`.
        """
        if name not in RUNTIME_SETTINGS:
            known = ", ".join(RUNTIME_SETTINGS)
            raise SettingError(f"{_shown(name)} cannot be changed at run time; these can: {known}")
        rule = RULES[name]
        changes = {name: rule.read(value) if isinstance(value, str) else rule.judge(value)}
        return msgspec.structs.replace(self, **changes)


RULES: Final = rules_of(Settings)
"""The rules of the server's settings, by name."""
