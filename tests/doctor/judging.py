"""How a diagnosis is judged against the truth, and a table for each kind of stream.

``python -m tests.doctor.judging [EACH] [SEED]`` prints the table for streams of that seed.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable

from app.core.diagnosis import Diagnosis
from app.doctor.diagnose import diagnose
from tests.doctor.protocol_streams import PROTOCOL_KINDS
from tests.doctor.streams import FRAMED_KINDS, QUIET_KINDS, Stream, draw, prose

ALL_KINDS = {**FRAMED_KINDS, **PROTOCOL_KINDS, **QUIET_KINDS, "prose": prose}


def judge(stream: Stream, found: Diagnosis | None) -> str:
    """`right`, `silent`, `beside` (a right code stands in `also`), or `wrong`."""
    if found and found.code in stream.codes:
        return "right"
    if found is None or found.code in stream.tolerated:
        return "silent"
    return "beside" if set(found.also) & set(stream.codes) else "wrong"


def diagnosed(stream: Stream) -> Diagnosis | None:
    return diagnose(stream.data, stream.before, stream.ended, stream.cap)


def tally(streams: Iterable[tuple[str, Stream]]) -> dict[str, Counter[str]]:
    """How many of each kind were judged how."""
    table: dict[str, Counter[str]] = {}
    for name, stream in streams:
        table.setdefault(name, Counter())[judge(stream, diagnosed(stream))] += 1
    return table


def main() -> None:
    each, seed = (int(word) for word in (*sys.argv[1:], "300", "1")[:2])
    print(
        f"{'kind':20}{'right':>8}{'silent':>8}{'beside':>8}{'wrong':>8}{'recall':>8}{'precision':>10}"
    )
    for name, counts in tally(draw(ALL_KINDS, each, seed)).items():
        named = counts["right"] + counts["beside"] + counts["wrong"]
        precision = f"{counts['right'] / named:10.1%}" if named else f"{'-':>10}"
        figures = "".join(f"{counts[word]:8}" for word in ("right", "silent", "beside", "wrong"))
        print(f"{name:20}{figures}{counts['right'] / each:8.1%}{precision}")


if __name__ == "__main__":
    main()
