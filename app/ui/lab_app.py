"""The screen of a scenario of the lab: a question, both servers side by side, and why."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10
from typing import ClassVar, Final, NamedTuple, Protocol

from rich.cells import set_cell_size
from rich.style import Style
from textual import events
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.filter import LineFilter

from ..core.words.language import compose, language_of
from . import palette
from .actions import LAB_ACTIONS, signs
from .bindings import LAB_BINDINGS, keymap
from .lab_loops import SideLoop, loop_side
from .lines_panel import Line, LinesPanel, flow
from .plain_text import PlainText
from .preferences import Preferences
from .stepping_app import StepPace
from .themes import THEMES, textual_theme

SHOWN_EVERY: Final = 0.2
"""Seconds between two drawings."""
_BAR: Final = 30
"""Cells of a bar; each power of ten takes as many."""
_DECADES: Final = 7
_SHORT: Final = 30
"""Lines of a screen below which the figures take less room."""
_SCALE: Final = "The bars are on a scale of powers of ten."
_LABEL: Final = 11
"""Cells of a label below the explanation."""
_SPARKS: Final = "▁▂▃▄▅▆▇█"
_MARKS: Final = {">": palette.ERROR, "-": palette.GOOD}


class SideFigures(NamedTuple):
    """The figures of one server's rounds so far, the latest last."""

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

    def look(self, looks: bool) -> None:
        """Have both loops noted call by call, or no more."""

    def loops(self) -> tuple[SideLoop, SideLoop]:
        """Return those of the right and of the wrong server, as they were told last."""

    def step(self, order: str, pace: float = 0.0) -> None:
        """Have both loops ``hold``, make one ``call`` or ``iteration``, ``go`` on, or ``pace``."""


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
    #rest, #loops { height: 1fr; }
    .short #right, .short #wrong { height: 6; }
    .looking #right, .looking #wrong { height: 4; }
    #right-loop, #wrong-loop { width: 1fr; height: 1fr; padding: 0 2; }
    #keys { height: 1; dock: bottom; }
    """
    BINDINGS: ClassVar[list[BindingType]] = LAB_BINDINGS

    def __init__(self, show: LabShow, preferences: Preferences | None = None) -> None:
        super().__init__()
        preferences = preferences or Preferences()
        self._say = language_of(preferences.lang).text
        for name in THEMES:
            self.register_theme(textual_theme(name))
        self.theme = preferences.theme
        self.keys = preferences.bindings()
        """The keys of each action."""
        self.set_keymap(keymap(self.keys))
        self._plain = [PlainText()] if preferences.ascii else []
        self._show = show
        self._given: int | None = None
        self._below = "why"
        self._is_stepped = False
        self._step_pace = StepPace()
        self._asked = LinesPanel(id="asked")
        self._right = LinesPanel(id="right", title=self._say("right: echo-tui's own loop"))
        self._wrong = LinesPanel(id="wrong")
        self._explained = LinesPanel(id="explained")
        self._right_loop = LinesPanel(id="right-loop")
        self._wrong_loop = LinesPanel(id="wrong-loop")
        self._keys = LinesPanel(id="keys")

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return what changes each line on its way to the terminal."""
        return [*super().get_line_filters(), *self._plain]

    def compose(self) -> ComposeResult:
        """Compose the question, both servers, what is below them, and the keys."""
        yield self._asked
        with Horizontal(id="both"):
            yield self._right
            yield self._wrong
        with VerticalScroll(id="rest"):
            yield self._explained
        with Horizontal(id="loops"):
            yield self._right_loop
            yield self._wrong_loop
        yield self._keys

    def on_resize(self, event: events.Resize) -> None:
        """Make the figures smaller on a screen of few lines."""
        self.screen.set_class(event.size.height < _SHORT, "short")

    def on_mount(self) -> None:
        """Ask the question, and draw again and again."""
        self.query_one("#both").display = self.query_one("#loops").display = False
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
        self._put_below("why" if self._below == "source" else "source")
        if self._below == "source":
            marked = next(at for at, (mark, _) in enumerate(self._show.source) if mark.strip())
            rest = self.query_one("#rest", VerticalScroll)
            self.call_after_refresh(rest.scroll_to, y=max(0, marked - 2), animate=False)

    def action_loop(self) -> None:
        """Show both loops, or why the mistake is one."""
        self._put_below("why" if self._below == "loops" else "loops")

    def _put_below(self, what: str) -> None:
        if self._given is None:
            return
        self._below = what
        self._show.look(what == "loops")
        self.screen.set_class(what == "loops", "looking")
        self.query_one("#loops").display = what == "loops"
        self.query_one("#rest").display = what != "loops"
        self.call_after_refresh(self._draw)

    def action_step_call(self) -> None:
        """Hold both loops, or let each make one call."""
        self._step("call" if self._is_stepped else "hold")

    def action_step_iteration(self) -> None:
        """Let each go on to its next poll."""
        self._step("iteration")

    def action_step_go(self) -> None:
        """Let both go on."""
        self._step("go")

    def action_step_slower(self) -> None:
        """Let both go on at a pace, or at a slower one."""
        self._step("pace", self._step_pace.slower())

    def action_step_faster(self) -> None:
        """Let both go on at a faster pace."""
        self._step("pace", self._step_pace.faster())

    def _step(self, order: str, pace: float = 0.0) -> None:
        if self._given is None:
            return
        if order != "pace":
            self._step_pace.forget()
        self._is_stepped = order not in ("go", "pace")
        if self._below != "loops":
            self._put_below("loops")
        self._show.step(order, pace)

    async def action_quit(self) -> None:
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
            if self._below == "loops":
                self._draw_loops()
            else:
                told = list(self._source() if self._below == "source" else self._why())
                self._explained.set_height(len(told))
                self._explained.set_lines(told)
        self._keys.set_lines([self._key_line()])

    def _draw_loops(self) -> None:
        panels = self._right_loop, self._wrong_loop
        for panel, side in zip(panels, self._show.loops(), strict=True):
            panel.set_lines(loop_side(side, self._is_stepped, panel.size, self._say))

    def _question(self) -> list[Line]:
        words, width = self._show.words, self.size.width - 2
        lines: list[Line] = [
            [("◉ echo-tui lab ", palette.BRAND), (words["name"], palette.STRONG)],
            [(words["title"], palette.PLAIN)],
        ]
        if self._below == "loops":
            return lines
        lines += [
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
        figure: Line = [(f"{write_number(last)} ", style), (words["unit"], palette.LABEL)]
        if self._below == "loops":
            return [figure, [(side.note, palette.WARNING)] if side.note else [(_bar(last), style)]]
        if self.size.height < _SHORT:
            told = (side.note, palette.WARNING) if side.note else (words["label"], palette.LABEL)
            return [figure, [(_bar(last), style)], *flow([told], width)]
        return [
            figure,
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
            [],
            *flow([(self._say(_SCALE), palette.FAINT)], width),
        ]

    def _labelled(self, label: str, text: str) -> Line:
        return [(set_cell_size(self._say(label), _LABEL), palette.LABEL), (text, palette.PLAIN)]

    def _source(self) -> list[Line]:
        width = self.size.width - 4
        lines: list[Line] = []
        for mark, text in self._show.source:
            style = _MARKS.get(mark, palette.DIM)
            lines += flow([(f"{mark} ", _MARKS.get(mark, palette.FAINT)), (text, style)], width, 8)
        return lines

    def _key_line(self) -> Line:
        if self._given is None:
            asked = [name for name in LAB_ACTIONS if name.startswith("lab_answer")]
            keys = [(" ".join(signs(self.keys, name) for name in asked), "your answer")]
        else:
            source, loops = (
                "why" if self._below == what else word
                for what, word in (("source", "source"), ("loops", "loops"))
            )
            keys = [
                (signs(self.keys, "lab_heal"), "heal"),
                (signs(self.keys, "lab_source"), source),
                (signs(self.keys, "lab_loop"), loops),
                (signs(self.keys, "step_call"), "a call" if self._is_stepped else "hold"),
            ]
            if self._is_stepped:
                keys += [
                    (signs(self.keys, "step_iteration"), "to poll"),
                    (signs(self.keys, "step_go"), "go on"),
                ]
            paces = f"{signs(self.keys, 'step_slower')} {signs(self.keys, 'step_faster')}"
            keys.append((paces, "pace"))
        line: Line = [(" ", palette.PLAIN)]
        for key, word in [*keys, (signs(self.keys, "quit"), "quit")]:
            line += [(key, palette.BRAND), (f" {self._say(word)}  ", palette.DIM)]
        return line


def _bar(value: float) -> str:
    """Draw a figure on a scale of powers of ten, from 0.01 on."""
    share = (log10(max(value, 0.01)) + 2) / (_DECADES + 2)
    return "█" * max(1, round(_BAR * min(1.0, share)))


def _spark(values: tuple[float, ...]) -> str:
    most = max(values) or 1.0
    return "".join(_SPARKS[round(value / most * (len(_SPARKS) - 1))] for value in values)
