"""`check client`: runs a client once for each case, and judges what can be seen from outside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from ..core.fault_spec import FaultSpec, parse_fault
from .client_cases import CLIENT_CASES, Baseline, ClientCase, Echo
from .client_run import ClientCommand, ClientRun, describe_exit, run_client
from .verdict import CaseVerdict
from .watched_server import SeenConnection, WatchedServer

PROBED: Final = 0.7
"""Seconds without a byte after which a client that gets no echo has sent what it sends at once."""
_NOTHING: Final = Baseline(0, 0, 0, 0, 1.0)


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

        Raises OSError if the client cannot be started.
        """
        self._prepare()
        for case in cases:
            skipped = self._skipped(case)
            if skipped:
                yield CaseVerdict(case.name, True, True, skipped, 0.0)
                continue
            run = self._run(case.spec(self._seen), case.echo is Echo.NONE)
            if self._keep is not None:
                self._write_evidence(case, run)
            ok, text = self._judge(case, run)
            yield CaseVerdict(case.name, ok, False, text, run.seconds)

    def _prepare(self) -> None:
        """Find out what the client sends, and how many frames it has under way at once."""
        whole = self._run(None)
        frames = sum(one.frames_in for one in whole.connections)
        size = sum(one.bytes_in for one in whole.connections)
        first = next((one for one in whole.connections if one.frames_in), None)
        silent = parse_fault("coalesce=10000")
        with WatchedServer(silent) as server:
            quiet = _Quiet()
            run = run_client(self._command, server, self._timeout, quiet.has_come)
        most = max((one.frames_in for one in run.connections), default=0)
        self._seen = Baseline(_first_echo(first), frames, size, most, self._timeout)

    def _run(self, fault: FaultSpec | None, refused: bool = False) -> ClientRun:
        if refused:
            return run_client(self._command, None, self._timeout)
        if fault is not None and fault.seed is None:
            fault = msgspec.structs.replace(fault, seed=self._seed)
        with WatchedServer(fault) as server:
            return run_client(self._command, server, self._timeout)

    def _skipped(self, case: ClientCase) -> str:
        if case.name == "whole":
            return ""
        if not self._seen.first_echo and case.echo is not Echo.NONE:
            return "it sends no whole frame where nothing is wrong: see the case whole"
        if self._seen.most_out < case.frames:
            return f"it never has {case.frames} frames under way, so this cannot happen to it"
        return ""

    # --- the verdict ---

    def _judge(self, case: ClientCase, run: ClientRun) -> tuple[bool, str]:
        reached = [one for one in run.connections if one.bytes_in or case.name == "no_reading"]
        if case.echo is not Echo.NONE and not run.connections:
            return False, self._say(case, run, "it never connected to {host}:{port}")
        if case.echo is Echo.RIGHT:
            return self._judge_right(case, run, reached)
        if run.exit_code is None:
            wrong = f"it had not ended after {self._timeout:g} s"
            return False, self._say(case, run, wrong)
        if case.echo is not Echo.NONE and not any(_was_done(one) for one in run.connections):
            return False, self._say(case, run, "it ended before it met this")
        if run.exit_code == 0:
            return False, self._say(case, run, "it ended with 0, as if all were well")
        if run.exit_code < 0:
            return False, self._say(case, run, f"it ended by {describe_exit(run.exit_code)}")
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
            return False, self._say(case, run, f"it had not ended after {self._timeout:g} s")
        if run.exit_code != 0:
            got = "though every byte was right" if case.name != "whole" else "with every echo right"
            wrong = f"it ended with {describe_exit(run.exit_code)}, {got}"
            return False, self._say(case, run, wrong)
        frames = sum(one.frames_in for one in reached)
        if not frames:
            return False, self._say(case, run, "it sent no whole frame")
        if frames < self._seen.frames:
            wrong = f"it ended with 0 after {frames:,} of its {self._seen.frames:,} frames"
            return False, self._say(case, run, wrong)
        missing = sum(one.bytes_in - one.bytes_out for one in reached)
        if missing > 0:
            wrong = f"it ended with 0, and {missing:,} bytes of its echo were not sent yet"
            return False, self._say(case, run, wrong)
        return True, f"It met {case.meets}, and got all of it."

    def _say(self, case: ClientCase, run: ClientRun, wrong: str) -> str:
        """One sentence with the likely bug, and what its bytes are if they do not fit."""
        found = next((one.diagnosis for one in run.connections if one.diagnosis), None)
        if found is not None and case.name == "whole":
            return f"It met {case.meets}: {wrong}; its bytes fit {found.fits} ({found.code})."
        return f"It met {case.meets}: {wrong}; probably {case.bug}."

    # --- the evidence ---

    def _write_evidence(self, case: ClientCase, run: ClientRun) -> None:
        assert self._keep is not None
        folder = self._keep / case.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "output.txt").write_bytes(run.output)
        for one in run.connections:
            receipt = msgspec.json.format(msgspec.json.encode(one.receipt))
            (folder / f"{one.id}.receipt.json").write_bytes(receipt + b"\n")
            sent = one.kept.pieces if one.kept else ()
            (folder / f"{one.id}.sent.bin").write_bytes(b"".join(piece.data for piece in sent))
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
