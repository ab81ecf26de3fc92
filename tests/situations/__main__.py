"""`python -m tests.situations`: every labelled situation, and what both sides say of it."""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed

from .catalogue import SITUATIONS
from .playing import Outcome, chosen, play


def _mark(outcome: Outcome) -> str:
    if not outcome.arose:
        return "did not arise"
    return "right" if outcome.is_right else "WRONG"


def _lines(outcome: Outcome) -> str:
    told = " ".join(dict.fromkeys(outcome.told))
    seen = " ".join(dict.fromkeys(outcome.truth)) if outcome.situation.is_seen else "not by ss"
    tries = f"  ({outcome.tries} tries)" if outcome.tries > 1 else ""
    line = f"{_mark(outcome):13} {outcome.situation.name:42} {told:26} {seen}{tries}"
    if outcome.is_right:
        return line
    expected = " ".join(outcome.situation.codes)
    return "\n".join(
        [
            line,
            f"              expected {expected}; {outcome.trouble}",
            f"              ss: {outcome.facts}",
            f"              why: {outcome.words}",
        ]
    )


def main() -> int:
    """Play the chosen situations; 1 unless each arose and was told right."""
    parser = argparse.ArgumentParser(prog="python -m tests.situations", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="chooses the numbers")
    parser.add_argument("--only", default="", help="those whose name has this text")
    parser.add_argument("--jobs", type=int, default=12, help="how many at the same time")
    parser.add_argument("--list", action="store_true", help="their names and codes")
    arguments = parser.parse_args()
    situations = list(chosen(SITUATIONS, arguments.only))
    if arguments.list:
        for situation in situations:
            print(f"{situation.name:42} {' '.join(situation.codes)}")
        return 0
    right = again = 0
    print(f"{'':13} {'situation':42} {'echo-tui':26} ss")
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for done in as_completed([pool.submit(play, one, arguments.seed) for one in situations]):
            outcome = done.result()
            right += outcome.is_right
            again += outcome.tries > 1
            print(_lines(outcome), flush=True)
    skipped = len(SITUATIONS) - len(situations)
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"{right} of {len(situations)} right with seed {arguments.seed}; {skipped} not played")
    print(f"{again} played again because they did not arise; load {load}")
    return 0 if right == len(situations) else 1


if __name__ == "__main__":
    sys.exit(main())
