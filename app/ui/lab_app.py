"""The screen of a scenario of the lab: a question, both servers side by side, and why."""

from __future__ import annotations

from math import log10
from typing import ClassVar, Final, NamedTuple, Protocol

from rich.cells import set_cell_size
from rich.style import Style
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll

from ..core.words.language import ENGLISH, Language, compose
from . import palette
from .lines_panel import Line, LinesPanel, flow
from .themes import THEMES, textual_theme

SHOWN_EVERY: Final = 0.2
"""Seconds between two drawings."""
_BAR: Final = 30
"""Cells of a bar; each power of ten takes as many."""
_DECADES: Final = 7
_LABEL: Final = 11
"""Cells of a label below the explanation."""
_SPARKS: Final = "▁▂▃▄▅▆▇█"
_MARKS: Final = {">": palette.ERROR, "-": palette.GOOD}


class SideFigures(NamedTuple):
    """What one server's rounds have given so far, the latest last."""

    values: tuple[float, ...] = ()
    note: str = ""
    """A sentence about what this machine did not allow, or why it has ended."""


class LabShow(Protocol):
    """A scenario that is played; all of it for the screen's thread."""

    @property
    def words(self) -> dict[str, str]:
        """``name title question why line section man label unit`` in the person's language."""

    @property
    def answers(self) -> tuple[str, str, str]:
        """Three answers to the question."""

    @property
    def right_answer(self) -> int:
        """The index of the true one."""

    @property
    def source(self) -> tuple[tuple[str, str], ...]:
        """The lines of the wrong loop, each with its mark: ``>``, ``-`` or a blank."""

    @property
    def is_healed(self) -> bool:
        """Whether the wrong loop serves as the right one by now."""

    def start(self) -> None:
        """Begin to play rounds, in threads of its own."""

    def figures(self) -> tuple[SideFigures, SideFigures]:
        """Return those of the right and of the wrong server."""

    def heal(self) -> None:
        """Take the mistake away while the wrong server runs; returns at once."""


def write_number(value: float) -> str:
    """Write a figure with two digits at least."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"


class LabApp(App[int]):
    """One scenario. Its return value is the exit code."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { background: $background; }
    #asked, #explained { height: auto; padding: 0 1; }
    #both { height: auto; }
    #right, #wrong { width: 1fr; border: round $primary; padding: 0 1; height: 9; }
    #rest { height: 1fr; }
    #keys { height: 1; dock: bottom; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "answer(0)", "", show=False),
        Binding("2", "answer(1)", "", show=False),
        Binding("3", "answer(2)", "", show=False),
        Binding("H", "heal", "Heal", show=False),
        Binding("s", "source", "Source", show=False),
        Binding("q,escape,ctrl+c", "leave", "Quit", show=False, priority=True),
    ]

    def __init__(self, show: LabShow, theme: str = "dark", language: Language = ENGLISH) -> None:
        super().__init__()
        self._say = language.text
        for name in THEMES:
            self.register_theme(textual_theme(name))
        self.theme = theme
        self._show = show
        self._given: int | None = None
        self._shows_source = False
        self._asked = LinesPanel(id="asked")
        self._right = LinesPanel(id="right", title=self._say("right: echo-tui's own loop"))
        self._wrong = LinesPanel(id="wrong")
        self._explained = LinesPanel(id="explained")
        self._keys = LinesPanel(id="keys")

    def compose(self) -> ComposeResult:
        """Compose the question, both servers, the explanation and the keys."""
        yield self._asked
        with Horizontal(id="both"):
            yield self._right
            yield self._wrong
        with VerticalScroll(id="rest"):
            yield self._explained
        yield self._keys

    def on_mount(self) -> None:
        """Ask the question, and draw again and again."""
        self.query_one("#both").display = False
        self.set_interval(SHOWN_EVERY, self._draw)
        self.call_after_refresh(self._draw)

    def action_answer(self, given: int) -> None:
        """Take the answer, and let both servers run."""
        if self._given is None:
            self._given = given
            self._show.start()
            self.query_one("#both").display = True
            self.call_after_refresh(self._draw)

    def action_heal(self) -> None:
        """Take the mistake away."""
        if self._given is not None:
            self._show.heal()

    def action_source(self) -> None:
        """Show the wrong loop with its mistake, or why it is one."""
        self._shows_source = not self._shows_source
        self._draw()

    def action_leave(self) -> None:
        """End."""
        self.exit(0, return_code=0)

    # --- drawing ---

    def _draw(self) -> None:
        if not self._asked.is_attached or not self.size.width:
            return
        asked = list(self._question())
        self._asked.set_height(len(asked))
        self._asked.set_lines(asked)
        if self._given is not None:
            right, wrong = self._show.figures()
            self._right.set_lines(self._side(right, palette.GOOD))
            healed = self._show.is_healed
            self._wrong.set_lines(self._side(wrong, palette.GOOD if healed else palette.ERROR))
            function = self._show.words["line"].partition(":")[0]
            wrong_line = compose("wrong: {line}", line=function)
            title = "healed: it serves as the right one" if healed else wrong_line
            self._wrong.set_title(self._say(title))
            told = list(self._source() if self._shows_source else self._why())
            self._explained.set_height(len(told))
            self._explained.set_lines(told)
        self._keys.set_lines([self._key_line()])

    def _question(self) -> list[Line]:
        words, width = self._show.words, self.size.width - 2
        lines: list[Line] = [
            [("◉ echo-tui lab ", palette.BRAND), (words["name"], palette.STRONG)],
            [(words["title"], palette.PLAIN)],
            [],
            *flow([(words["question"], palette.STRONG)], width),
        ]
        for number, answer in enumerate(self._show.answers):
            style, mark = palette.PLAIN, " "
            if self._given is not None:
                is_true = number == self._show.right_answer
                style = palette.GOOD if is_true else palette.FAINT
                mark = "✓" if is_true else "✕" if number == self._given else " "
            lines += flow([(f" {mark} {number + 1}  ", palette.ACCENT), (answer, style)], width)
        return [*lines, []]

    def _side(self, side: SideFigures, style: Style) -> list[Line]:
        words, width = self._show.words, max(20, self.size.width // 2 - 4)
        if not side.values:
            return [[("…", palette.DIM)], [], *flow([(side.note, palette.WARNING)], width)]
        last = side.values[-1]
        return [
            [(f"{write_number(last)} ", style), (words["unit"], palette.LABEL)],
            [(_bar(last), style)],
            [(_spark(side.values[-_BAR:]), palette.DIM)],
            *flow([(words["label"], palette.LABEL)], width),
            [],
            *flow([(side.note, palette.WARNING)], width),
        ]

    def _why(self) -> list[Line]:
        words, width = self._show.words, self.size.width - 4
        section = compose("section {section}", section=words["section"])
        told = (("the line", words["line"]), ("read on", self._say(section)), ("", words["man"]))
        return [
            *flow([(words["why"], palette.PLAIN)], width),
            [],
            *(
                part
                for label, text in told
                for part in flow(self._labelled(label, text), width, _LABEL)
            ),
        ]

    def _labelled(self, label: str, text: str) -> Line:
        return [(set_cell_size(self._say(label), _LABEL), palette.LABEL), (text, palette.PLAIN)]

    def _source(self) -> list[Line]:
        return [
            [(f"{mark} ", _MARKS.get(mark, palette.FAINT)), (text, _MARKS.get(mark, palette.DIM))]
            for mark, text in self._show.source
        ]

    def _key_line(self) -> Line:
        if self._given is None:
            keys = [("1 2 3", "your answer"), ("q", "quit")]
        else:
            other = "why" if self._shows_source else "its source"
            keys = [("H", "heal the wrong one"), ("s", other), ("q", "quit")]
        line: Line = [(" ", palette.PLAIN)]
        for key, word in keys:
            line += [(key, palette.BRAND), (f" {self._say(word)}  ", palette.DIM)]
        return line


def _bar(value: float) -> str:
    """Draw a figure on a scale of powers of ten, from 0.01 on."""
    share = (log10(max(value, 0.01)) + 2) / (_DECADES + 2)
    return "█" * max(1, round(_BAR * min(1.0, share)))


def _spark(values: tuple[float, ...]) -> str:
    most = max(values) or 1.0
    return "".join(_SPARKS[round(value / most * (len(_SPARKS) - 1))] for value in values)
