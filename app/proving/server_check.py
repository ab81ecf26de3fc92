"""`check server`: plays the cases against a server that runs already."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import psutil

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
        return True, True, str(why)
    except (Wrong, psutil.NoSuchProcess) as error:
        wrong = error if isinstance(error, Wrong) else Wrong("its process ended", Sign.REFUSED)
        is_of_before = wrong.sign is Sign.REFUSED and target.connected == connected
        cause = _cause(case, wrong, first_failed, before if is_of_before else "")
        return False, False, f"It met {case.meets}: {wrong}; {cause}."
    return True, False, f"It met {case.meets}, and did what it should."


def _cause(case: ServerCase, wrong: Wrong, first_failed: str, before: str) -> str:
    """Say why, as far as it is known. `before` is the case of which this is an effect; or empty."""
    about = f"section {case.section} of the source document"
    if first_failed:  # one bug fails several cases: the first is the one to look at
        return f"the case {first_failed} failed before, and may be why (else see {about})"
    if before:
        return f"it did so in the case before, {before}"
    bug = case.bugs.get(wrong.sign)
    return f"probably {bug} (see {about})" if bug else f"see {about}"
