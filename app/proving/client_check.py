"""`check client`: runs a client once for each case, and judges what can be seen from outside."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import accumulate, islice
from typing import Final

import msgspec

from ..core.fault_spec import FaultSpec, parse_fault
from ..core.framing import HEADER_SIZE, read_length
from ..core.settings import MIB
from ..core.words.language import compose
from .check_evidence import Evidence
from .client_cases import CLIENT_CASES, Baseline, ClientCase, Echo, Failing
from .client_run import ClientCommand, ClientRun, describe_exit, run_client
from .verdict import CaseVerdict
from .watched_server import SeenConnection, WatchedServer

PROBED: Final = 0.7
"""Seconds without a byte after which a client that gets no echo has sent what it sends at once."""
GREETINGS: Final = 3
"""Frames that a client may exchange one by one before it has several under way."""
MOST_ECHO: Final = MIB
"""Bytes of each connection's echo that are kept as evidence."""
_MOST_KNOWN: Final = 10_000
_HELD_BACK: Final = "its echo was held back by a fault"
"""The detail of a close by the peer's FIN (`app.server.faults`)."""


class ClientCheck:
    """Plays the cases for one client, one after the other."""

    def __init__(
        self, command: ClientCommand, timeout: float, seed: int, evidence: Evidence | None = None
    ) -> None:
        """`timeout` is that of each case, in seconds; `evidence` is kept of each run."""
        self._command = command
        self._timeout = timeout
        self._seed = seed
        self._evidence = evidence

    def play(self, cases: Sequence[ClientCase] = CLIENT_CASES) -> Iterator[CaseVerdict]:
        """Play the cases, and yield each verdict as soon as it is known.

        Raises `CannotCheck` if the client cannot be started, or the evidence not be kept.
        """
        whole = self._run(None)
        seen = self._measure(whole)
        for case in cases:
            verdict = _without_a_run(case, seen)
            if verdict is None:
                run = whole if case.name == "whole" else self._run_case(case, seen)
                if self._evidence is not None:
                    self._evidence.write(case.name, run)
                verdict = _Judgement(case, run, seen).verdict()
            yield verdict

    def _measure(self, whole: ClientRun) -> Baseline:
        """Find out what the client sends, and how many frames it has under way at once."""
        first = next((one for one in whole.connections if one.frames_in), None)
        frames, data = (0, b"") if first is None else (first.frames_in, first.first_bytes)
        most_out = after = known_after = 0
        ends_first = False
        while frames and most_out < 2 and after < min(frames, GREETINGS):
            ends, out = self._probe(after)
            ends_first |= ends and not after
            if out > most_out:
                most_out, known_after = out, after
            after += 1
        return Baseline(
            echoes=tuple(islice(_frames_of(data), _MOST_KNOWN)),
            first_echo=HEADER_SIZE + read_length(data)[0] if len(data) >= HEADER_SIZE else 0,
            frames=frames,
            size=0 if first is None else first.due,
            exit_code=whole.exit_code,
            most_out=most_out,
            after=known_after if most_out > 1 else 0,
            ends_first=ends_first,
            timeout=self._timeout,
        )

    def _probe(self, after: int) -> tuple[bool, int]:
        """Echo the first frames and hold the others back, reading on: whether it ends well all the
        same, since it ends its direction first, and how many frames it has under way.
        """
        held = msgspec.structs.replace(
            parse_fault("coalesce=10000"), most_aside=64 * MIB, after=after
        )
        with WatchedServer(held) as server:
            run = run_client(self._command, server, self._timeout, _Quiet().has_come)
        # What is held back is let out at its FIN: without one it cannot have ended well.
        out = max((one.frames_in - after for one in run.connections), default=0)
        return run.exit_code == 0, out

    def _run_case(self, case: ClientCase, seen: Baseline) -> ClientRun:
        if case.echo is Echo.NONE:
            return run_client(self._command, None, self._timeout)
        return self._run(case.spec(seen))

    def _run(self, fault: FaultSpec | None) -> ClientRun:
        if fault is not None:
            seed = self._seed if fault.seed is None else fault.seed
            fault = msgspec.structs.replace(fault, seed=seed, keep=MOST_ECHO)
        with WatchedServer(fault) as server:
            return run_client(self._command, server, self._timeout)


def _without_a_run(case: ClientCase, seen: Baseline) -> CaseVerdict | None:
    """Return the verdict on a case that cannot be played for this client; None if it can."""
    if case.name == "whole" or case.echo is Echo.NONE:
        return None
    text: str
    if not seen.frames:
        text = "It sends no whole frame where nothing is wrong: see the case whole."
        return CaseVerdict(case.name, False, False, text, 0.0)
    alike = seen.echoes[seen.after : seen.after + 2]
    why = ""
    if seen.most_out < case.least_out:
        why = compose("it never has {count} frames under way", count=case.least_out)
    elif seen.frames < case.least_frames:
        why = compose("a connection of it sends {count} frame only", count=seen.frames)
    elif case.needs_body and seen.size == HEADER_SIZE * seen.frames:
        why = "its frames are all empty"
    elif case.name == "swapped" and len(set(alike)) < len(alike):
        why = "its first two frames are alike"
    if not why:
        return None
    text = compose("{why}, so this cannot happen to it", why=why)
    return CaseVerdict(case.name, True, True, text, 0.0)


class _Judgement:
    """The verdict on one run."""

    def __init__(self, case: ClientCase, run: ClientRun, seen: Baseline) -> None:
        self._case = case
        self._run = run
        self._seen = seen

    def verdict(self) -> CaseVerdict:
        """Judge the run."""
        case, run = self._case, self._run
        ok, text = self._judge()
        skipped = "" if ok else self._why_skipped()
        if skipped:
            return CaseVerdict(case.name, True, True, skipped, run.seconds)
        return CaseVerdict(case.name, ok, False, text, run.seconds)

    def _why_skipped(self) -> str:
        """Say why a run that looks wrong says nothing of the client; empty if it does."""
        connections = self._run.connections
        if self._seen.ends_first and any(one.detail == _HELD_BACK for one in connections):
            return (
                "it ended its own direction (FIN) before all of its echo had come, and a server"
                " that holds an echo back closes then"
            )
        if not self._is_met and self._run.exit_code == 0 and self._echo_left() == 0:
            return "this did not happen to it: it got all of its echo as it was"
        return ""

    @property
    def _is_met(self) -> bool:
        """Whether something was done to an echo on purpose, or nothing was to be done."""
        case = self._case
        if case.name == "whole" or case.echo is Echo.NONE:
            return True
        return any(
            one.is_held or (one.receipt and one.receipt.done) for one in self._run.connections
        )

    def _judge(self) -> tuple[bool, str]:
        case, run = self._case, self._run
        if case.echo is not Echo.NONE and not run.connections:
            return False, self._say("it never connected", Failing.OTHER)
        if run.exit_code is None:
            late = compose("it had not ended after {seconds:g} s", seconds=self._seen.timeout)
            return False, self._say(late, Failing.HUNG)
        if case.echo is Echo.RIGHT:
            return self._judge_right(run.exit_code)
        if not self._is_met:
            return False, self._say("it ended before it met this", Failing.OTHER)
        if run.exit_code == 0:
            return False, self._say("it ended with 0, as if all were well", Failing.WAS_CONTENT)
        if run.exit_code < 0:
            end = compose("it ended by {end}", end=describe_exit(run.exit_code))
            return False, self._say(end, Failing.OTHER)
        if count := sum(one.sent_late for one in run.connections):
            template = (
                "It met {meets}: it sent {count:,} bytes more after the end of the stream; it does"
                " not look whether the server ended."
            )
            return False, compose(template, meets=case.meets, count=count)
        template = "It met {meets}, and ended with {code}."
        return True, compose(template, meets=case.meets, code=run.exit_code)

    def _judge_right(self, exit_code: int) -> tuple[bool, str]:
        case, run = self._case, self._run
        left = self._echo_left()
        cut_off = next((one for one in run.connections if one.bytes_in > one.due), None)
        if cut_off is not None:
            wrong = compose(
                "it ended with {end} inside a frame that it was sending",
                end=describe_exit(exit_code),
            )
            return False, self._say(wrong, Failing.OTHER)
        if exit_code:
            how = Failing.GAVE_UP if exit_code > 0 else Failing.OTHER
            template = "it ended with {end}, though every byte was right"
            if left:
                template = "it ended with {end}, with {left:,} bytes of its echo still to come"
            end = describe_exit(exit_code)
            return False, self._say(compose(template, end=end, left=left), how)
        if not any(one.frames_in for one in run.connections):
            return False, self._say("it sent no whole frame", Failing.OTHER)
        if left:
            inside = any(self._is_inside_an_echo(one) for one in run.connections)
            how = Failing.WAS_CONTENT if inside else Failing.OTHER
            template = "it ended with 0, and left {left:,} bytes of its echo"
            return False, self._say(compose(template, left=left), how)
        if not self._is_met:
            return False, self._say("it did not happen", Failing.OTHER)
        return True, compose("It met {meets}, and ended with {code}.", meets=case.meets, code=0)

    def _echo_left(self) -> int:
        """Bytes of echo that were due and had not been sent when the client ended."""
        return sum(max(0, one.due - one.bytes_out) for one in self._run.connections)

    def _is_inside_an_echo(self, one: SeenConnection) -> bool:
        """Whether the client ended with a part of an echo, as far as that is known; not of its last
        one, if it has coped with others before.
        """
        sizes = map(len, _frames_of(one.first_bytes))
        ends = list(accumulate(islice(sizes, _MOST_KNOWN), initial=0))
        if one.bytes_out >= one.due or one.bytes_out in ends:
            return False
        return len(ends) <= 2 or one.bytes_out < ends[-2]

    def _say(self, wrong: str, how: Failing) -> str:
        """One sentence with the likely bug, and what its bytes are if they do not fit."""
        case, found = self._case, None
        if case.name == "whole":
            found = next((one.diagnosis for one in self._run.connections if one.diagnosis), None)
        if found is not None:
            return compose(
                "It met {meets}: {wrong}; its bytes fit {fits} ({code}).",
                meets=case.meets,
                wrong=wrong,
                fits=found.fits,
                code=found.code,
            )
        # Where it fails with nothing wrong, the same bug may be why it fails here.
        names_a_bug = how in case.shows and self._seen.exit_code == 0
        if names_a_bug:
            template = "It met {meets}: {wrong}; probably {bug}."
            return compose(template, meets=case.meets, wrong=wrong, bug=case.bug)
        return compose("It met {meets}: {wrong}.", meets=case.meets, wrong=wrong)


class _Quiet:
    """Tells when a client has sent nothing for a while."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._known = 0

    def has_come(self, server: WatchedServer) -> bool:
        received = server.received
        if received != self._known:
            self._known, self._since = received, time.monotonic()
        return bool(received) and time.monotonic() > self._since + PROBED


def _frames_of(data: bytes) -> Iterator[bytes]:
    """Yield the whole frames at the start of `data`."""
    at = 0
    while len(data) - at >= HEADER_SIZE:
        end = at + HEADER_SIZE + read_length(data, at)[0]
        if end > len(data):
            return
        yield data[at:end]
        at = end
