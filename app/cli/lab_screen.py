"""A scenario of the lab for its screen: rounds of both servers, each in a thread of its own."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Final

from ..core.printable import printable
from ..core.words.language import Language
from ..lab.composing import marked_source
from ..lab.lab_pair import LabPair
from ..lab.lab_server import LabError, LabServer
from ..lab.lab_text import tell_text
from ..lab.scenario import Scenario
from ..ui.lab_app import SideFigures
from ..ui.lab_loops import SideLoop

_KEPT: Final = 300
"""Rounds of each server that are kept."""
_REST: Final = 0.3
"""Seconds between two rounds."""
_SEED: Final = 18
_ASKED_EVERY: Final = 0.15
"""Seconds between two questions to both loops, while they are shown."""
_NO_FIGURE: Final = "looked at: no figure is taken"
_HEALS_LATER: Final = "it heals when the loop goes on"


class PlayedLab:
    """A scenario that is played, for `LabApp`. Made by `playing`, which ends the servers."""

    def __init__(self, scenario: Scenario, pair: LabPair, language: Language) -> None:
        self._scenario = scenario
        self._language = language
        self._text = tell_text(scenario.text, language)
        self._pair = pair
        self._sides = [SideFigures(), SideFigures()]
        self._loops = [SideLoop(), SideLoop()]
        self._over = threading.Event()
        self._orders: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._looks = False
        self._stepped: LabServer | None = None  # the right server that can be held
        self._is_slowed = False  # held, stepped, or at a pace
        self._changes = 0  # of what is looked at, or slowed
        self._wants_heal = False
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
        for index in (0, 1):
            threading.Thread(target=self._play, args=(index,), daemon=True).start()
        threading.Thread(target=self._carry_out, daemon=True).start()

    def figures(self) -> tuple[SideFigures, SideFigures]:
        right, wrong = self._sides
        return right, wrong

    def loops(self) -> tuple[SideLoop, SideLoop]:
        right, wrong = self._loops
        return right, wrong

    def heal(self) -> None:
        self._wants_heal = True
        self._orders.put(self._heal)

    def look(self, looks: bool) -> None:
        self._changes += 1
        self._orders.put(lambda: self._look(looks))

    def step(self, order: str, pace: float = 0.0) -> None:
        self._is_slowed = order != "go"
        self._changes += 1
        self._orders.put(lambda: self._for_both(lambda server: server.step(order, pace)))
        if self._wants_heal and not self.is_healed:
            self._orders.put(self._heal)

    def end(self) -> None:
        """Play no further round."""
        self._over.set()

    @property
    def _servers(self) -> tuple[LabServer, LabServer]:
        """The servers that are played: while they are looked at, a right one that can be held."""
        return self._held_ones if self._looks else (self._pair.right, self._pair.wrong)

    @property
    def _held_ones(self) -> tuple[LabServer, LabServer]:
        return self._stepped or self._pair.right, self._pair.wrong

    def _look(self, looks: bool) -> None:
        try:
            if looks and self._stepped is None:
                self._stepped = self._pair.stepped_right()
        except LabError as error:
            self._tell(0, str(error))
        self._looks = looks
        self._for_both(lambda server: server.look(looks))

    def _carry_out(self) -> None:
        """Give the orders of the screen in their turn, and ask how the loops go meanwhile."""
        while not self._over.is_set():
            with suppress(Empty):
                self._orders.get(timeout=_ASKED_EVERY)()
            if self._looks and self._orders.empty():
                self._for_both(self._ask)

    def _for_both(self, act: Callable[[LabServer], None]) -> None:
        for index, server in enumerate(self._held_ones):
            try:
                act(server)
            except LabError as error:
                if not self._over.is_set():
                    self._tell(index, str(error))

    def _ask(self, server: LabServer) -> None:
        told = server.loop()
        index = self._held_ones.index(server)
        self._loops[index] = SideLoop(
            told.held, told.doing, told.where, told.steps, told.iterations
        )

    def _heal(self) -> None:
        if self._is_slowed:
            self._tell(1, self._language.text(_HEALS_LATER))
            return
        try:
            self._pair.heal()
            self.is_healed = True
        except LabError as error:
            self._tell(1, str(error))

    def _play(self, index: int) -> None:
        rng = random.Random(_SEED)
        while not self._over.is_set():
            before, server = self._changes, self._servers[index]
            failure = ""
            try:
                measured = self._scenario.measure(server, rng)
            except (LabError, OSError) as error:
                failure = f"this round failed: {error}"
            if self._over.is_set():
                return
            if self._looks or self._is_slowed or before != self._changes:
                waits = index == 1 and self._wants_heal and not self.is_healed
                self._tell(index, self._language.text(_HEALS_LATER if waits else _NO_FIGURE))
            elif failure:
                self._tell(index, failure)
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
