"""`check server`: plays the cases against a server that runs already."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import psutil

from ..core.words.language import compose
from .server_cases import SERVER_CASES, ServerCase
from .server_target import NotPossible, Sign, Target, Wrong
from .verdict import CaseVerdict


def check_server(
    target: Target, cases: Sequence[ServerCase] = SERVER_CASES
) -> Iterator[CaseVerdict]:
    """Play the cases, and yield each verdict as soon as it is known."""
    first_failed = before = ""
    for case in cases:
        began = time.monotonic()
        ok, skipped, text = _play(case, target, first_failed, before)
        first_failed, before = first_failed or ("" if ok else case.name), case.name
        yield CaseVerdict(case.name, ok, skipped, text, time.monotonic() - began)


def _play(
    case: ServerCase, target: Target, first_failed: str, before: str
) -> tuple[bool, bool, str]:
    connected = target.connected
    try:
        case.play(target)
    except NotPossible as why:
        return True, True, why.text
    except (Wrong, psutil.NoSuchProcess) as error:
        wrong = error if isinstance(error, Wrong) else Wrong("its process ended", Sign.REFUSED)
        is_of_before = wrong.sign is Sign.REFUSED and target.connected == connected
        cause = _cause(case, wrong, first_failed, before if is_of_before else "")
        text = compose(
            "It met {meets}: {wrong}; {cause}.", meets=case.meets, wrong=wrong.text, cause=cause
        )
        return False, False, text
    return True, False, compose("It met {meets}, and did what it should.", meets=case.meets)


def _cause(case: ServerCase, wrong: Wrong, first_failed: str, before: str) -> str:
    """Say why, as far as it is known. `before` is the case of which this is an effect; or empty."""
    section = case.section
    if first_failed:  # one bug fails several cases: the first is the one to look at
        return compose(
            "the case {name} failed before, and may be why"
            " (else see section {section} of the source document)",
            name=first_failed,
            section=section,
        )
    if before:
        return compose("it did so in the case before, {name}", name=before)
    bug = case.bugs.get(wrong.sign)
    if bug:
        template = "probably {bug} (see section {section} of the source document)"
        return compose(template, bug=bug, section=section)
    return compose("see section {section} of the source document", section=section)
