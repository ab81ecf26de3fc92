"""Carries out commands and publishes the answer to each."""

from __future__ import annotations

from functools import partial

import msgspec

from ..core.commands import Command, Fault, Kill, KillMode, ReadBytes, Set, Stop, Trace, TraceLevel
from ..core.events import ConnectionState, Reason
from ..core.printable import in_words, printable
from ..core.settings import SettingError
from .connection import Connection
from .descriptors import replace_setting
from .faults import check_fault, describe_next
from .loop import Loop
from .poller import Poller


class CommandHandler:
    """Carries out commands between two batches; in the loop's thread only."""

    def __init__(self, loop: Loop, poller: Poller) -> None:
        """`poller` is the loop's: it may have a limit of descriptors."""
        self._loop = loop
        self._poller = poller
        self._reporter = loop.reporter

    def apply(self, command: Command) -> None:
        """Carry out one command; its outcome goes to the stream as `CommandResult` events.

        A fault in one command ends nothing else: it is answered, and published as a notice.
        """
        try:
            self._apply(command)
        except Exception as error:
            self._answer(command, False, f"it failed: {printable(in_words(error), 200)}")
            self._reporter.publish_fault(f"the command {command.kind}", error)

    def _apply(self, command: Command) -> None:
        match command:
            case Kill():
                for connection_id in command.ids:
                    self._kill(command, connection_id)
            case Set():
                self._set(command)
            case Trace():
                self._trace(command)
            case ReadBytes():
                self._read_bytes(command)
            case Fault():
                self._fault(command)
            case Stop():
                grace = 0.0 if command.now else self._loop.settings.grace
                self._loop.stop(command.cause, grace, command.now)

    def refuse(self, command: Command) -> None:
        """Answer a command that came after the loop had ended."""
        self._answer(command, False, "the server has stopped")

    def _kill(self, command: Kill, connection_id: int) -> None:
        connection = self._loop.life.by_id.get(connection_id)
        if connection is None:
            self._answer(command, False, "no such connection", connection_id)
            return
        match command.mode:
            case KillMode.DRAIN:
                message = self._drain(connection)
            case KillMode.CLOSE:
                on_closed = partial(self._answer_closed, command)
                self._loop.life.close_delivering(connection, "mode close", on_closed)
                return
            case KillMode.RESET:
                self._loop.life.reset(connection, Reason.KILLED, "mode reset")
                message = "reset"
        self._answer(command, True, message, connection_id)

    def _drain(self, connection: Connection) -> str:
        machine = connection.machine
        if machine.state is ConnectionState.DRAINING:
            return f"was ending already: {machine.closing}"
        pending = machine.pending
        self._loop.life.begin_close(connection, Reason.KILLED, "mode drain")
        if machine.state is ConnectionState.CLOSED:
            return "closed"
        if pending:
            return f"draining: {pending:,} bytes of echo pending"
        return f"draining: {connection.unacked_bytes:,} bytes not yet acknowledged by the peer"

    def _answer_closed(self, command: Kill, connection: Connection) -> None:
        lost, message = connection.unacked_bytes, "closed"
        if lost:
            sent = f"{connection.bytes_out:,} bytes that the kernel had accepted"
            message = f"closed with loss: {lost:,} of {sent} were not acknowledged"
        reporter = self._reporter
        answer = command.answer(reporter.time(), True, message, connection.id, lost_bytes=lost)
        reporter.publish(answer)

    def _set(self, command: Set) -> None:
        settings = self._loop.settings
        try:
            changed, notes = replace_setting(settings, command.name, command.value, self._poller)
        except SettingError as error:
            self._answer(command, False, str(error))
            return
        old, new = getattr(settings, command.name), getattr(changed, command.name)
        self._loop.change_settings(changed)
        self._reporter.publish_setting(command, old, new)
        for note in notes:
            self._reporter.publish_notice("warning", note)
        self._answer(command, True, "; ".join((f"{command.name}: {old} → {new}", *notes)))

    def _trace(self, command: Trace) -> None:
        connection = self._loop.life.by_id.get(command.id)
        if connection is None:
            self._answer(command, False, "no such connection", command.id)
            return
        self._loop.life.trace(connection, TraceLevel(command.level))
        self._answer(command, True, f"trace {command.level}", command.id)

    def _read_bytes(self, command: ReadBytes) -> None:
        life, reporter = self._loop.life, self._reporter
        is_open = life.by_id.get(command.id)
        kept = life.captures.read(command.id, is_open)
        off = "" if life.captures.each else ": the server runs with --capture 0"
        if kept is None:
            self._answer(command, False, f"no bytes of it are kept{off}", command.id)
            return
        told = msgspec.structs.replace(kept, t=reporter.time(), request=command.request)
        reporter.publish(told)
        held = sum(len(piece.data) for piece in kept.pieces)
        self._answer(
            command,
            True,
            f"{held:,} of the {kept.size:,} bytes that it sent are kept{off}",
            command.id,
        )

    def _fault(self, command: Fault) -> None:
        try:
            spec = check_fault(command)
        except SettingError as error:
            self._answer(command, False, str(error))
            return
        life = self._loop.life
        for connection_id in command.ids:
            connection = life.by_id.get(connection_id)
            if connection is None:
                self._answer(command, False, "no such connection", connection_id)
            else:
                life.faults.put_on(connection, spec, self._reporter.now)
                told = "no fault any more" if spec is None else f"fault {spec.text}"
                self._answer(command, True, told, connection_id)
        if not command.ids:
            life.faults.put_on_next(spec, command.next)
            self._answer(command, True, describe_next(command))

    def _answer(
        self, command: Command, ok: bool, message: str, connection_id: int | None = None
    ) -> None:
        reporter = self._reporter
        reporter.publish(command.answer(reporter.time(), ok, message, connection_id))
