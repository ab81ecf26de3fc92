"""Plays a situation, asks the program and ss(8) about it, and compares both."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.control.client_side.control_client import ControlError

from .scene import Scene, can_be_root
from .true_codes import Sample, true_codes

STEP: Final = 0.3
"""Seconds between two looks with ss(8)."""
SETTLED: Final = 3.0
"""Seconds after a situation arose at which the program's answer must be right."""
TRIES: Final = 3
"""Times that a situation is played that does not arise, as on a machine that is busy."""
QUESTIONS: Final = 10
"""Questions at one moment, until both sides speak of one state: it changes while they are asked."""


@dataclass(frozen=True, slots=True)
class Situation:
    """A labelled situation."""

    name: str
    codes: tuple[str, ...]
    """The right code. Two only where the state `alternates`."""
    arrange: Callable[[Scene], object]
    """Brings it about and returns once it has arisen."""
    needs_root: bool = False
    after: float = SETTLED
    """Seconds from its beginning to the first question."""
    lasts: float = 1.0
    """Seconds after it in which the answer is asked for twice more."""
    is_seen: bool = True
    """Whether ss(8) can tell the code; a stopped worker is known from the script."""
    alternates: str = ""
    """Which two states take turns faster than one can ask; empty if there is one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a situation."""

    situation: Situation
    truth: tuple[str, ...] = ()
    """The codes by ss(8), one for each question."""
    told: tuple[str, ...] = ()
    """The codes by the program."""
    words: str = ""
    facts: str = ""
    trouble: str = ""
    """Why it did not arise, if it did not."""
    tries: int = 1
    """Times that it was played."""

    @property
    def arose(self) -> bool:
        """Whether ss(8) agrees with the label."""
        seen = not self.situation.is_seen or set(self.truth) <= set(self.situation.codes)
        return not self.trouble and seen

    @property
    def is_right(self) -> bool:
        """Whether it arose, and the program told the right code each time."""
        return self.arose and bool(self.told) and set(self.told) <= set(self.situation.codes)


def play(situation: Situation, seed: int) -> Outcome:
    """Play a situation with the numbers of `seed`; again, with others, if it does not arise."""
    for number in range(1, TRIES + 1):
        again = f" {number}" if number > 1 else ""
        outcome = replace(_play_once(situation, f"{seed} {situation.name}{again}"), tries=number)
        if outcome.arose:
            break
    return outcome


def _play_once(situation: Situation, seed: str) -> Outcome:
    with Scene(random.Random(seed)) as scene:
        try:
            situation.arrange(scene)
            return _question(situation, scene)
        except (AssertionError, OSError, subprocess.SubprocessError, ValueError) as error:
            return Outcome(situation, trouble=f"{type(error).__name__}: {error}"[:300])
        except ControlError as error:
            return Outcome(situation, trouble=f"the program does not answer: {error}"[:300])


def _question(situation: Situation, scene: Scene) -> Outcome:
    samples: list[Sample] = [scene.sample()]
    truth, told, words = [], [], ""
    start = time.monotonic()
    step = situation.lasts / 2
    for at in dict.fromkeys(situation.after + number * step for number in range(3)):
        while time.monotonic() - start < at:
            samples.append(scene.sample())
            time.sleep(STEP)
        is_one, one = False, {}
        for _ in range(QUESTIONS):
            samples.append(scene.sample())
            before = true_codes(samples)
            one = scene.told()
            samples.append(scene.sample())
            seen = before | true_codes(samples)
            if len(seen) == 1 or not situation.is_seen:
                is_one = True
                break
            if situation.alternates and seen <= set(situation.codes):
                is_one = True
                break
            time.sleep(STEP / 2)
        code = str(one.get("why_code", "closed" if not one else "?"))
        told.append(code)
        truth += sorted(seen)
        if not words or code not in situation.codes:
            words = str(one.get("why", ""))
        if not is_one:
            return Outcome(
                situation, tuple(truth), tuple(told), words, str(samples[-1].facts),
                f"no one state in {QUESTIONS} questions: {' '.join(sorted(seen))}",
            )  # fmt: skip
    return Outcome(situation, tuple(truth), tuple(told), words, str(samples[-1].facts))


def chosen(situations: Sequence[Situation], text: str) -> Iterator[Situation]:
    """Those whose name has `text`, and that this user can bring about."""
    for situation in situations:
        if text in situation.name and (not situation.needs_root or can_be_root()):
            yield situation
