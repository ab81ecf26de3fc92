"""Plays a scenario without a screen, and says whether it shows what it should."""

from __future__ import annotations

import time
from typing import Final

import msgspec

from ..core.words.language import compose, join_texts
from .lab_pair import LabPair, Round
from .lab_server import LabError
from .lab_text import write_figure
from .scenario import Scenario

_ROUNDS: Final = 3
"""Rounds at most: one in which the mistake shows is enough."""
_NO_ROUND_AFTER: Final = 10.0
"""Seconds from the start after which no further round begins."""
_SEED: Final = 18


class LabResult(msgspec.Struct, frozen=True):
    """The outcome of one scenario."""

    name: str
    right: float | None
    """The figure of the right server; None if the scenario could not be played."""
    wrong: float | None
    """The wrong one's figure, in the same `unit`."""
    unit: str
    text: str
    """The outcome in words; where it is composed, a `Sentence`."""
    label: str
    """The name of the figure."""
    ok: bool
    """Whether the mistake was reproduced and the right way was right; also if `skipped`."""
    skipped: bool
    """Whether this machine cannot show it; `text` says why."""
    seconds: float


def check_scenario(scenario: Scenario) -> LabResult:
    """Play rounds until the mistake shows, and return the figures of the last one."""
    began = time.monotonic()
    obstacle = scenario.find_obstacle()
    if obstacle:
        return _result(scenario, None, obstacle, began, is_skipped=True)
    try:
        played, is_shown = _play(scenario, began)
    except (LabError, OSError) as error:
        return _result(scenario, None, f"It could not be played: {error}.", began)
    right, wrong = played
    text: str = compose(
        scenario.text.result,
        right=write_figure(right.value),
        wrong=write_figure(wrong.value),
        extra=f"{wrong.extra:,}",
    )
    notes = dict.fromkeys(measured.note for measured in played if measured.note)
    if not is_shown:
        notes["That is not enough to show the mistake."] = None
    return _result(scenario, played, join_texts((text, *notes)), began, is_shown=is_shown)


def _play(scenario: Scenario, began: float) -> tuple[Round, bool]:
    with LabPair(scenario) as pair:
        for number in range(_ROUNDS):
            played = pair.play(_SEED + number)
            is_shown = scenario.is_shown(*played)
            if is_shown or time.monotonic() - began > _NO_ROUND_AFTER:
                break
    return played, is_shown


def _result(
    scenario: Scenario,
    played: Round | None,
    text: str,
    began: float,
    is_shown: bool = False,
    is_skipped: bool = False,
) -> LabResult:
    return LabResult(
        name=scenario.name,
        right=round(played.right.value, 3) if played else None,
        wrong=round(played.wrong.value, 3) if played else None,
        unit=scenario.text.unit,
        text=text,
        label=scenario.text.label,
        ok=is_shown or is_skipped,
        skipped=is_skipped,
        seconds=round(time.monotonic() - began, 1),
    )
