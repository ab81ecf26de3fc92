"""The commands to a server: immutable, by connection id, each with an answer.

The sender chooses the `request` of a command; its outcome comes back as `CommandResult` events.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

from .events import CommandResult, RecordingStatus, SettingChanged

CLOSE_BOUND: Final = 10.0
"""Seconds that a kill of mode `close` waits for the peer to acknowledge what was written."""


class KillMode(StrEnum):
    """The ways in which a kill ends a connection."""

    DRAIN = "drain"
    """Finish the pending echo, then SHUT_WR, linger and close."""
    CLOSE = "close"
    """Give up the pending echo; what the kernel has already accepted is delivered, within 10 s."""
    RESET = "reset"
    """RST: everything in flight is destroyed."""


class TraceLevel(StrEnum):
    """The amount of detail that is published of one connection, or of all."""

    OFF = "off"
    STATE = "state"
    IO = "io"
    """Every system call, and the connection's figures in the kernel."""
    BYTES = "bytes"
    """The same, and the last `TRACED_BYTES` bytes of each call."""

    @property
    def tells_calls(self) -> bool:
        """Whether system calls are published at this level."""
        return self is TraceLevel.IO or self is TraceLevel.BYTES


class _Command(msgspec.Struct, frozen=True, tag_field="command", kw_only=True):
    request: int
    """Chosen by the sender; 0 if no answer is wanted. Each `CommandResult` repeats it."""
    instance: str = ""
    """The server that is meant (`Listening.instance`). Over the control socket a command for
    another one is refused, and so is a command with ids that names none."""
    by_pid: int = 0
    """The process that sent the command; 0 if it is not known. Set where the command is received,
    never by its sender."""
    by_name: str = ""
    """The name of that process, escaped; empty if it is not known."""

    @property
    def kind(self) -> str:
        """The name of the command in its answers: ``kill``, ``set``, ``trace``, ``bytes``…"""
        return str(self.__struct_config__.tag)

    def answer(
        self,
        t: float,
        ok: bool,
        message: str,
        connection_id: int | None = None,
        recording: RecordingStatus | None = None,
        lost_bytes: int | None = None,
    ) -> CommandResult:
        """Make the answer to this command at `t` (Unix seconds), about one connection or none."""
        return CommandResult(
            t=t,
            request=self.request,
            command=self.kind,
            ok=ok,
            message=message,
            id=connection_id,
            by_pid=self.by_pid,
            by_name=self.by_name,
            recording=recording,
            lost_bytes=lost_bytes,
        )


class Kill(_Command, frozen=True, tag="kill"):
    """End connections by id; each id has its own answer.

    That of mode `close` comes when the connection is gone, and tells what was lost.
    """

    ids: tuple[int, ...]
    mode: Annotated[KillMode, Meta(description="Finish the echo, give it up, or RST.")] = (
        KillMode.CLOSE
    )


class Set(_Command, frozen=True, tag="set"):
    """Change a setting that may change at run time (`app.core.settings.RUNTIME_SETTINGS`).

    It counts from the next frame and the next connection on.
    """

    name: str
    value: int | float | str

    def changed(self, t: float, old: int | float | str, new: int | float | str) -> SettingChanged:
        """Make the event that tells that this command has changed its setting at `t`."""
        return SettingChanged(
            t=t, name=self.name, old=old, new=new, by_pid=self.by_pid, by_name=self.by_name
        )


class Trace(_Command, frozen=True, tag="trace"):
    """Choose how much detail one connection puts into the journal."""

    id: int
    level: TraceLevel


class ReadBytes(_Command, frozen=True, tag="bytes"):
    """Ask for the bytes that are kept of one connection, open or closed.

    They come as `KeptBytes` before the answer, and to the sender alone.
    """

    id: int


class Fault(_Command, frozen=True, tag="fault"):
    """Give connections a fault on purpose, or take it away; each id has its own answer.

    With `next` instead of ids exactly the next so many that are accepted get it.
    """

    ids: tuple[int, ...] = ()
    spec: str = ""
    """A SPEC (`app.core.fault_spec`); empty to take the fault away."""
    next: int = 0


class Stop(_Command, frozen=True, tag="stop"):
    """Stop accepting, echo the frames that were received whole, end within the grace time."""

    cause: str
    now: bool = False
    """Skip the grace: close everything at once."""


class RecordAction(StrEnum):
    """What a `Record` command asks for."""

    START = "start"
    STOP = "stop"
    STATUS = "status"


class Record(_Command, frozen=True, tag="record"):
    """Start or end a recording, or ask for the present one; the loop has no part in it."""

    action: RecordAction
    path: str = ""
    """The file of a recording that is to start; absolute, and it must not exist."""


Command: TypeAlias = Kill | Set | Trace | ReadBytes | Fault | Stop
"""The commands to a loop."""
ClientCommand: TypeAlias = Command | Record
"""The commands that a control client may send."""


def answer_bound(command: ClientCommand) -> float:
    """Return how many seconds may pass, by design, until the last answer to `command`."""
    return CLOSE_BOUND if isinstance(command, Kill) and command.mode is KillMode.CLOSE else 0.0


def ids_of(command: ClientCommand) -> tuple[int, ...]:
    """Return the connections that a command names."""
    if isinstance(command, Kill | Fault):
        return command.ids
    return (command.id,) if isinstance(command, Trace | ReadBytes) else ()


def expected_results(command: ClientCommand) -> int:
    """Return how many results a command has: one for each connection that it is to change."""
    if isinstance(command, Stop):
        return 0
    return len(command.ids) if isinstance(command, Kill) else len(ids_of(command)) or 1


def results_left(expected: int, result: CommandResult) -> int:
    """Return how many results of a command are to come after `result`, of `expected` with it.

    A command that is refused as a whole has one result, which names no connection.
    """
    return 0 if result.id is None else max(expected - 1, 0)
