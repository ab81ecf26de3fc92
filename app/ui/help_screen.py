"""The help: what is focused, explained; then all keys, the glyphs, and every explanation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Final

from rich.cells import cell_len, set_cell_size
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.dom import DOMNode
from textual.geometry import Size
from textual.widgets import Static

from ..core.events import ConnectionState
from ..core.words.language import ENGLISH, Language, compose
from . import palette
from .actions import GROUPS, Keys, key_sign, signs
from .dialogs import Dialog
from .lines_panel import Line, LinesPanel, flow
from .topics import AllTopics, Topic

_COLUMNS = (
    ("move", "table"),
    ("act", "view", "time"),
    ("loop", "export", "program", "replay"),
)
"""The groups of keys in each column of the help."""

_TOPIC: Final = 5
"""Lines that a topic takes at least, so that the rest stays in place for most of them."""

RECIPES: Final = (
    ("find the slow reader", "{filter} why:slow Enter", ("filter",)),
    ("find what hangs", "{stuck} shows only what stands still, which a slow reader does not",
     ("stuck",)),
    ("find bad habits", "{noted} shows only what has notes (column !); {open} tells each with its "
     "evidence", ("noted", "open")),
    ("say why it waits", "{open} on it: the verdict, its figures, its queues, its events",
     ("open",)),
    ("find what failed", "{closed} shows what closed last; {bytes} the bytes around a failure",
     ("closed", "bytes")),
    ("end all of one host", "{filter} peer=127.0.0.1 Enter, then {kill_several}: it ends what the "
     "filter shows", ("filter", "kill_several")),
    ("keep the evidence", "{record} begins and ends a recording of all connections, with each call "
     "of the selected one; `echo-tui replay FILE` opens it", ("record",)),
    ("keep what is seen", "{export} writes the table to a file, {export_screen} the screen; "
     "{copy_json} copies the connection as JSON", ("export", "export_screen", "copy_json")),
    ("armed or direct", "{settings} changes the write mode; compare the toggles, and a minute "
     "later the service times in {charts}", ("settings", "charts")),
    ("read the event log", "Tab goes to it ({log} first, if it is hidden); PageUp, Home and / find "
     "a line, Enter opens it", ("log",)),
)  # fmt: skip
"""A wish, how it is fulfilled, and the actions that it takes."""
WANTED: Final = 21
"""Cells of a wish."""
KEYS: Final = 13
"""Cells of the keys of an action, with the gap behind them."""


class Recipes(LinesPanel):
    """The most common wishes and how they are fulfilled, with the keys in force."""

    def __init__(self, keys: Keys, language: Language) -> None:
        super().__init__(id="help-recipes")
        self._keys = keys
        self._say = language.text

    def on_resize(self) -> None:
        """Wrap the lines at the new width."""
        lines: list[Line] = []
        for wanted, how, names in RECIPES:
            if not all(self._keys.get(name) for name in names):
                continue  # a recording cannot be changed; an action may have no key
            text = self._say(how).format_map(
                {name: key_sign(self._keys[name][0]) for name in names}
            )
            wish = set_cell_size(self._say(wanted), WANTED)
            line: Line = [(wish, palette.STRONG), (text, palette.PLAIN)]
            lines += flow(line, max(1, self.size.width), WANTED)
        self.set_height(len(lines))
        self.set_lines(lines)


class KeyList(LinesPanel):
    """Groups of actions with their keys, one below the other."""

    def __init__(self, keys: Keys, groups: Sequence[str], language: Language) -> None:
        super().__init__()
        self._say = language.text
        self._keys = keys
        self._groups = groups

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the lines that it takes, for Textual, which makes the rows of a grid of it."""
        return len(self._wrapped(width))

    def on_resize(self) -> None:
        """Wrap the lines at the new width."""
        self.set_lines(self._wrapped(self.size.width))

    def _wrapped(self, width: int) -> list[Line]:
        return [
            part
            for group in self._groups
            if any(action.name in self._keys for action in GROUPS[group])
            for line in self._of_group(group)
            for part in flow(line, max(KEYS + 9, width), KEYS)
        ]

    def _of_group(self, group: str) -> Iterator[Line]:
        title = self._say(group)
        yield [(" " * (KEYS - 2 - cell_len(title)) + title, palette.HEADING)]
        for action in GROUPS[group]:
            if action.name in self._keys:
                yield self._line(signs(self._keys, action.name), action.words)
        if group == "table":
            yield self._line(self._keys_of_views(), "a view")
        yield []

    def _line(self, keys: str, words: str) -> Line:
        return [(f"{keys:>{KEYS - 2}}  ", palette.ACCENT), (self._say(words), palette.PLAIN)]

    def _keys_of_views(self) -> str:
        """Return the keys of all views in one line: 1…9, or as they were rebound."""
        keys = [signs(self._keys, action.name) for action in GROUPS["views"]]
        usual = [action.keys for action in GROUPS["views"]]
        return f"{usual[0]}…{usual[-1]}" if keys == usual else " ".join(keys)


def help_for(node: DOMNode | None) -> str:
    """Return the help of a widget, or of its nearest ancestor that has one."""
    nodes = () if node is None else node.ancestors_with_self
    return next((each.HELP for each in nodes if each.HELP), "")


class HelpBox(VerticalScroll):
    """The scrolling box of the help, in which two keys walk through the topics."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "screen.walk(-1)", "Figure before", show=False),
        Binding("right", "screen.walk(1)", "Next figure", show=False),
    ]


class TopicPanel(LinesPanel):
    """One topic, in as many lines as it takes."""

    def render_topic(self, topic: Topic, place: str, language: Language) -> None:
        """Draw a topic; `place` says where in the row of all topics it stands."""
        width = max(1, self.size.width)
        lines = topic.lines(width, language)
        lines += [[]] * (_TOPIC - len(lines))
        place = f"── ← → {place} "
        lines.append([(place + "─" * (width - cell_len(place)), palette.FAINT)])
        self.set_height(len(lines))
        self.set_lines(lines)


class HelpScreen(Dialog[None]):
    """The help: explains what is focused, then lists all keys, the glyphs, all explanations."""

    AUTO_FOCUS = "#help-dialog"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (124, "-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1,q,enter", "cancel", "Close"),
    ]

    def __init__(
        self,
        keys: Keys,
        here: str = "",
        topics: Sequence[Topic] = (),
        notices: Sequence[str] = (),
        header: str = "",
        language: Language = ENGLISH,
    ) -> None:
        """Make the help; `keys` are those of the actions that exist here, by action.

        `here` is the help of the focused widget. The first of the `topics` is explained at first.
        The `notices` are shown whole: those of the start, and that of the banner. So is the
        `header`, of which a narrow screen leaves out figures.
        """
        super().__init__()
        self._keys = keys
        self._here = here
        self._topics = topics
        self._at = 0
        self._notices = notices
        self._header = header
        self._language = language
        self._panel = TopicPanel(id="help-topic")

    def compose(self) -> ComposeResult:
        """Compose the help of the focused widget, the groups of keys and the glyphs."""
        with HelpBox(classes="dialog", id="help-dialog") as box:
            box.border_title = self._language.text("help")
            if self._topics:
                yield self._panel
            if self._notices:
                notices = "\n".join(f"! {notice}" for notice in self._notices)
                yield Static(Text(notices, palette.WARNING), id="help-notices")
            if self._here:
                yield Static(Text(self._language.text(self._here), palette.PLAIN), id="help-here")
            yield Recipes(self._keys, self._language)
            with Horizontal(id="help-columns"):
                for groups in _COLUMNS:
                    yield KeyList(self._keys, groups, self._language)
            yield Static(_legend(self._keys, self._language), id="help-legend")
            if self._header:
                yield Static(Text(self._header, palette.PLAIN), id="help-header")
            yield AllTopics(self._language)

    def on_resize(self) -> None:
        """Wrap the topic at the new width."""
        self.call_after_refresh(self._draw_topic)

    def _draw_topic(self) -> None:
        if self._topics and self._panel.is_attached:
            place = compose(
                "{at} of {count} explanations", at=self._at + 1, count=len(self._topics)
            )
            told = self._language.text(place)
            self._panel.render_topic(self._topics[self._at], told, self._language)

    def action_walk(self, step: int) -> None:
        """Explain the next figure or event, or with -1 the one before."""
        if self._topics:
            self._at = (self._at + step) % len(self._topics)
            self._draw_topic()
            self.query_one(HelpBox).scroll_home(animate=False)

    def on_click(self, event: events.Click) -> None:
        """Close the help on a click anywhere."""
        event.prevent_default()  # else the handler of the base class would run too
        self.dismiss(None)


def _legend(keys: Keys, language: Language) -> Text:
    several = keys.get("kill_several")
    tagged: str = "tagged"
    if several:
        template = "tagged: {key} kills these, else all that the filter shows"
        tagged = compose(template, key=key_sign(several[0]))
    meanings = [
        (palette.state_label(state), palette.STATES[state], words)
        for state, words in (
            (ConnectionState.READ_LEN, "reads 4 header bytes"),
            (ConnectionState.READ_BODY, "reads the body"),
            (ConnectionState.WRITE_BODY, "echo pending"),
            (ConnectionState.DRAINING, "the end is decided"),
            (ConnectionState.CLOSED, "ended, with its reason"),
        )
    ]
    meanings += [
        ("● on", palette.WARNING, "POLLOUT armed"),
        ("toggles", palette.STRONG, "times armed or disarmed"),
        ("pending", palette.STRONG, "echo that the kernel has not accepted yet"),
        (palette.TAG, palette.ACCENT, tagged),
        (palette.SUSPECT, palette.ERROR, "suspected: it stands still, and its bytes do not fit"),
        ("Shift", palette.ACCENT, "and the mouse select text (Option on a Mac), or --no-mouse"),
        ("^l  ^z", palette.ACCENT, "send the whole screen again; suspend, until `fg`"),
        ("y", palette.ACCENT, "in a dialog: copy its last line, the command of ctl"),
    ]
    return Text("\n").join(
        Text.assemble((f"{sign:>13}  ", style), (language.text(words), palette.PLAIN))
        for sign, style, words in meanings
    )
