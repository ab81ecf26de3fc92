"""A scenario of the lab for its screen: rounds of both servers, each in a thread of its own."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ..core.printable import printable
from ..core.words.language import Language
from ..lab.composing import marked_source
from ..lab.lab_pair import LabPair
from ..lab.lab_server import LabError, LabServer
from ..lab.lab_text import tell_text
from ..lab.scenario import Scenario
from ..ui.lab_app import SideFigures

_KEPT: Final = 300
"""Rounds of each server that are kept."""
_REST: Final = 0.3
"""Seconds between two rounds."""
_SEED: Final = 18


class PlayedLab:
    """What `LabApp` shows. Made by `playing`, which ends the servers."""

    def __init__(self, scenario: Scenario, pair: LabPair, language: Language) -> None:
        self._scenario = scenario
        self._language = language
        self._text = tell_text(scenario.text, language)
        self._pair = pair
        self._sides = [SideFigures(), SideFigures()]
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self.is_healed = False

    @property
    def words(self) -> dict[str, str]:
        told = self._text._asdict()
        texts = {name: str(value) for name, value in told.items() if isinstance(value, str)}
        return {"name": self._scenario.name, **texts}

    @property
    def answers(self) -> tuple[str, str, str]:
        return self._text.answers

    @property
    def right_answer(self) -> int:
        return self._text.right_answer

    @property
    def source(self) -> tuple[tuple[str, str], ...]:
        lines = marked_source(self._scenario.name).splitlines()
        return tuple((line[:1], line[2:]) for line in lines)

    def start(self) -> None:
        for index, server in enumerate((self._pair.right, self._pair.wrong)):
            thread = threading.Thread(target=self._play, args=(index, server), daemon=True)
            self._threads.append(thread)
            thread.start()

    def figures(self) -> tuple[SideFigures, SideFigures]:
        right, wrong = self._sides
        return right, wrong

    def heal(self) -> None:
        def heal() -> None:
            try:
                self._pair.heal()
                self.is_healed = True
            except LabError as error:
                self._tell(1, str(error))

        thread = threading.Thread(target=heal, daemon=True)
        self._threads.append(thread)
        thread.start()

    def end(self) -> None:
        """Play no further round."""
        self._over.set()

    def _play(self, index: int, server: LabServer) -> None:
        rng = random.Random(_SEED)
        while not self._over.is_set():
            try:
                measured = self._scenario.measure(server, rng)
            except (LabError, OSError) as error:
                if not self._over.is_set():
                    self._tell(index, f"this round failed: {error}")
            else:
                values = (*self._sides[index].values, measured.value)[-_KEPT:]
                self._sides[index] = SideFigures(values, self._language.text(measured.note))
            self._over.wait(_REST)

    def _tell(self, index: int, note: str) -> None:
        self._sides[index] = self._sides[index]._replace(note=printable(note, 200))


@contextmanager
def playing(scenario: Scenario, language: Language) -> Iterator[PlayedLab]:
    """Start both servers of a scenario, and end them. Raises `LabError`."""
    with LabPair(scenario) as pair:
        played = PlayedLab(scenario, pair, language)
        try:
            yield played
        finally:
            played.end()
