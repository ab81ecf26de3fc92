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
        failed_before = failed_before if ok else case.name
        yield CaseVerdict(case.name, ok, skipped, text, time.monotonic() - began)


def _play(case: ServerCase, target: Target, failed_before: str) -> tuple[bool, bool, str]:
    try:
        case.play(target)
    except NotPossible as why:
        return True, True, str(why)
    except NotReached as why:
        since = f"; the last case that failed is {failed_before}" if failed_before else ""
        return False, False, f"For {case.meets}: {why}{since}."
    except Wrong as wrong:
        about = f"see section {case.section} of the source document"
        return False, False, f"It met {case.meets}: {wrong}; probably {case.bug} ({about})."
    return True, False, f"It met {case.meets}, and did what it should."
