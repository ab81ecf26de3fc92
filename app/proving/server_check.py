"""`check server`: plays the cases against a server that runs already."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from .server_cases import SERVER_CASES, ServerCase
from .server_target import NotPossible, NotReached, Target, Wrong
from .verdict import CaseVerdict


def check_server(
    target: Target, cases: Sequence[ServerCase] = SERVER_CASES
) -> Iterator[CaseVerdict]:
    """Play the cases, and yield each verdict as soon as it is known."""
    failed_before = ""
    for case in cases:
        began = time.monotonic()
        ok, skipped, text = _play(case, target, failed_before)
        failed_before = failed_before or ("" if ok else case.name)
        yield CaseVerdict(case.name, ok, skipped, text, time.monotonic() - began)


def _play(case: ServerCase, target: Target, failed_before: str) -> tuple[bool, bool, str]:
    try:
        case.play(target)
    except NotPossible as why:
        return True, True, str(why)
    except NotReached as why:
        since = f"; the first case that failed is {failed_before}" if failed_before else ""
        return False, False, f"For {case.meets}: {why}{since}."
    except Wrong as wrong:
        about = f"section {case.section} of the source document"
        if failed_before:  # one bug fails several cases: the first is the one to look at
            cause = f"the case {failed_before} failed before, and may be why (else see {about})"
        else:
            cause = f"probably {case.bug} (see {about})"
        return False, False, f"It met {case.meets}: {wrong}; {cause}."
    return True, False, f"It met {case.meets}, and did what it should."
