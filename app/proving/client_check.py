"""`check client`: runs a client once for each case, and judges what can be seen from outside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from ..core.fault_spec import FaultSpec, parse_fault
from ..core.printable import printable, reason_of
from ..core.settings import MIB
from .client_cases import CLIENT_CASES, Baseline, ClientCase, Echo, Failing
from .client_run import CannotCheck, ClientCommand, ClientRun, describe_exit, run_client
from .verdict import CaseVerdict
from .watched_server import SeenConnection, WatchedServer

PROBED: Final = 0.7
"""Seconds without a byte after which a client that gets no echo has sent what it sends at once."""
_MOST_ECHO: Final = MIB
"""Bytes of each connection's echo that are kept as evidence."""
_NOTHING: Final = Baseline(0, 0, 0, None, 0, False, 1.0)
_PROBE: Final = msgspec.structs.replace(parse_fault("coalesce=10000"), most_aside=64 * MIB)
"""Holds every echo back, and reads on: what comes then is under way at once."""
_HELD_BACK: Final = "its echo was held back by a fault"
"""The detail of a close by the peer's FIN (`app.server.faults`)."""


class ClientCheck:
    """Plays the cases for one client, one after the other."""

    def __init__(
        self, command: ClientCommand, timeout: float, seed: int, keep: Path | None
    ) -> None:
        """`timeout` is that of each case, in seconds; `keep` is where the evidence goes."""
        self._command = command
        self._timeout = timeout
        self._seed = seed
        self._keep = keep
        self._seen = _NOTHING

    def play(self, cases: Sequence[ClientCase] = CLIENT_CASES) -> Iterator[CaseVerdict]:
        """Play the cases, and yield each verdict as soon as it is known.

        Raises `CannotCheck` if the client cannot be started, or the evidence not be kept.
        """
        self._prepare()
        for case in cases:
            if why := self._is_in_vain(case):
                yield CaseVerdict(case.name, False, False, why, 0.0)
                continue
            if skipped := self._skipped(case):
                yield CaseVerdict(case.name, True, True, skipped, 0.0)
                continue
            run = self._run(case.spec(self._seen), case.echo is Echo.NONE)
            if self._keep is not None:
                self._write_evidence(case, run)
            ok, text = self._judge(case, run)
            is_cut_off = any(one.detail == _HELD_BACK for one in run.connections)
            if not ok and self._seen.ends_first and is_cut_off:
                text = (
                    "it ended its own direction (FIN) before all of its echo had come, and a server"
                    " that holds an echo back closes then"
                )
                yield CaseVerdict(case.name, True, True, text, run.seconds)
                continue
            yield CaseVerdict(case.name, ok, False, text, run.seconds)

    def _prepare(self) -> None:
        """Find out what the client sends, and how many frames it has under way at once."""
        whole = self._run(None)
        frames = sum(one.frames_in for one in whole.connections)
        size = sum(one.bytes_in for one in whole.connections)
        first = next((one for one in whole.connections if one.frames_in), None)
        with WatchedServer(_PROBE) as server:
            quiet = _Quiet()
            run = run_client(self._command, server, self._timeout, quiet.has_come)
        most = max((one.frames_in for one in run.connections), default=0)
        echo = _first_echo(first)
        # What is held back is let out at its FIN: without one it cannot have ended well.
        ends_first = run.exit_code == 0
        self._seen = Baseline(echo, frames, size, whole.exit_code, most, ends_first, self._timeout)

    def _run(self, fault: FaultSpec | None, refused: bool = False) -> ClientRun:
        if refused:
            return run_client(self._command, None, self._timeout)
        if fault is not None:
            seed = self._seed if fault.seed is None else fault.seed
            fault = msgspec.structs.replace(fault, seed=seed, keep=_MOST_ECHO)
        with WatchedServer(fault) as server:
            return run_client(self._command, server, self._timeout)

    def _is_in_vain(self, case: ClientCase) -> str:
        """Say why no case can be judged; empty if it can."""
        if case.name == "whole":
            return ""
        if not self._seen.first_echo:
            return "It sends no whole frame where nothing is wrong: see the case whole."
        return ""

    def _skipped(self, case: ClientCase) -> str:
        if case.name == "whole" or case.echo is Echo.NONE:
            return ""
        if self._seen.most_out < case.frames:
            return f"it never has {case.frames} frames under way, so this cannot happen to it"
        if self._seen.size < 4 * self._seen.frames + case.least_body:
            return "its frames are all empty, so this cannot happen to it"
        return ""

    # --- the verdict ---

    def _judge(self, case: ClientCase, run: ClientRun) -> tuple[bool, str]:
        reached = [one for one in run.connections if one.bytes_in or case.name == "no_reading"]
        if case.echo is not Echo.NONE and not run.connections:
            return False, self._say(case, run, "it never connected", Failing.OTHER)
        if case.echo is Echo.RIGHT:
            return self._judge_right(case, run, reached)
        if run.exit_code is None:
            wrong = f"it had not ended after {self._timeout:g} s"
            return False, self._say(case, run, wrong, Failing.HUNG)
        if case.echo is not Echo.NONE and not any(_was_done(one) for one in run.connections):
            return False, self._say(case, run, "it ended before it met this", Failing.OTHER)
        if run.exit_code == 0:
            wrong = "it ended with 0, as if all were well"
            return False, self._say(case, run, wrong, Failing.WAS_CONTENT)
        if run.exit_code < 0:
            wrong = f"it ended by {describe_exit(run.exit_code)}"
            return False, self._say(case, run, wrong, Failing.OTHER)
        late = sum(one.sent_late for one in run.connections)
        if late:
            wrong = f"it sent {late:,} bytes more after the end of the stream"
            return (
                False,
                f"It met {case.meets}: {wrong}; it does not look whether the server ended.",
            )
        return True, f"It met {case.meets}, and ended with {run.exit_code}."

    def _judge_right(
        self, case: ClientCase, run: ClientRun, reached: Sequence[SeenConnection]
    ) -> tuple[bool, str]:
        if run.exit_code is None:
            wrong = f"it had not ended after {self._timeout:g} s"
            return False, self._say(case, run, wrong, Failing.HUNG)
        if run.exit_code != 0:
            how = Failing.GAVE_UP if run.exit_code > 0 else Failing.OTHER
            left = sum(one.bytes_in - one.bytes_out for one in reached)
            got = (
                f"with {left:,} bytes of its echo still to come"
                if left > 0
                else ("though every byte was right")
            )
            wrong = f"it ended with {describe_exit(run.exit_code)}, {got}"
            return False, self._say(case, run, wrong, how)
        frames = sum(one.frames_in for one in reached)
        if not frames:
            return False, self._say(case, run, "it sent no whole frame", Failing.OTHER)
        if frames < self._seen.frames:
            wrong = f"it ended with 0 after {frames:,} of its {self._seen.frames:,} frames"
            return False, self._say(case, run, wrong, Failing.WAS_CONTENT)
        missing = sum(one.bytes_in - one.bytes_out for one in reached)
        if missing > 0:
            wrong = f"it ended with 0, and {missing:,} bytes of its echo were not sent yet"
            return False, self._say(case, run, wrong, Failing.WAS_CONTENT)
        return True, f"It met {case.meets}, and ended with 0."

    def _say(self, case: ClientCase, run: ClientRun, wrong: str, how: Failing) -> str:
        """One sentence with the likely bug, and what its bytes are if they do not fit."""
        found = next((one.diagnosis for one in run.connections if one.diagnosis), None)
        if found is not None and case.name == "whole":
            return f"It met {case.meets}: {wrong}; its bytes fit {found.fits} ({found.code})."
        probably = f"; probably {case.bug}" if how in case.shows else ""
        return f"It met {case.meets}: {wrong}{probably}."

    # --- the evidence ---

    def _write_evidence(self, case: ClientCase, run: ClientRun) -> None:
        assert self._keep is not None
        folder = self._keep / case.name
        try:
            self._write_files(folder, run)
        except OSError as error:
            raise CannotCheck(f"--keep {printable(str(folder))}: {reason_of(error)}") from None

    def _write_files(self, folder: Path, run: ClientRun) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "output.txt").write_bytes(run.output)
        for one in run.connections:
            receipt = msgspec.json.format(msgspec.json.encode(one.receipt))
            (folder / f"{one.id}.receipt.json").write_bytes(receipt + b"\n")
            pieces = one.kept.pieces if one.kept else ()
            sent = b"".join(piece.data for piece in pieces)
            (folder / f"{one.id}.sent.bin").write_bytes(sent)
            echo = one.kept.echo if one.kept else b""
            if not echo:  # it had no fault, and a whole echo is what was sent
                echo = sent[: one.bytes_out]
            (folder / f"{one.id}.echo.bin").write_bytes(echo)
            reads = one.kept.reads if one.kept else ()
            lines = [f"{read.offset} {read.size} {read.t:.6f}\n" for read in reads]
            (folder / f"{one.id}.reads.txt").write_text("".join(lines), "utf-8")


class _Quiet:
    """Tells when a client has sent nothing for a while."""

    def __init__(self) -> None:
        self._looks = 0
        self._known = -1

    def has_come(self, server: WatchedServer) -> bool:
        received = server.received
        self._looks = self._looks + 1 if received == self._known and received else 0
        self._known = received
        return self._looks > PROBED / 0.01


def _first_echo(connection: SeenConnection | None) -> int:
    """Bytes of the echo of the first frame; 0 if there is none."""
    if connection is None or connection.kept is None or not connection.kept.pieces:
        return 0
    data = connection.kept.pieces[0].data
    return 4 + int.from_bytes(data[:4], "big") if len(data) >= 4 else 0


def _was_done(connection: SeenConnection) -> bool:
    """Whether something was done to the echo of a connection, on purpose."""
    return connection.receipt is None or bool(connection.receipt.done)
