"""A scenario of the lab for its screen, without servers."""

from __future__ import annotations

from app.core.words.language import ENGLISH, Language
from app.lab.composing import marked_source
from app.lab.lab_text import tell_text
from app.lab.scenarios import TEXTS
from app.ui.lab_app import SideFigures
from app.ui.lab_loops import SideLoop


class Shown:
    """Shows what it is given, and keeps the orders of the screen."""

    def __init__(self, name: str, language: Language = ENGLISH) -> None:
        self._text = tell_text(TEXTS[name], language)
        self.words = {"name": name, **{k: str(v) for k, v in self._text._asdict().items()}}
        self.answers, self.right_answer = self._text.answers, self._text.right_answer
        lines = marked_source(name).splitlines()
        self.source = tuple((line[:1], line[2:]) for line in lines)
        self.is_healed = False
        self.sides: tuple[SideLoop, SideLoop] = SideLoop(), SideLoop()
        self.shown: tuple[SideFigures, SideFigures] = (
            SideFigures((5.0,)),
            SideFigures((1_234_567.0,)),
        )
        self.orders: list[tuple[str, float]] = []
        self.looked: list[bool] = []

    def start(self) -> None:
        """Begin nothing."""

    def figures(self) -> tuple[SideFigures, SideFigures]:
        return self.shown

    def heal(self) -> None:
        self.is_healed = True

    def look(self, looks: bool) -> None:
        self.looked.append(looks)

    def loops(self) -> tuple[SideLoop, SideLoop]:
        return self.sides

    def step(self, order: str, pace: float = 0.0) -> None:
        self.orders.append((order, pace))
