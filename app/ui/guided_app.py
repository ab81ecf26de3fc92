"""The dashboard of the demo, which leads through what its clients show."""

from __future__ import annotations

from typing import Any, Final

from rich.text import Text
from textual import events
from textual.widgets import Static

from ..watch.captions import next_caption
from ..watch.screen_state import ScreenState
from . import palette
from .app import EchoApp
from .key_bar import KeyBar

CAPTION_TIME: Final = 5.5
"""Seconds that a caption stands: ten of them pass within a minute."""


class GuidedApp(EchoApp):
    """A dashboard with a caption; the cursor follows it until a key is pressed."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._caption_line = Static("", id="caption", markup=False)
        self._told: list[str] = []  # scenes, in the order in which they were last told
        self._told_at = -CAPTION_TIME
        self._follows = True

    def on_mount(self) -> None:
        """Put the caption above the keys."""
        super().on_mount()
        self.mount(self._caption_line, before=self.query_one(KeyBar))

    async def on_event(self, event: events.Event) -> None:
        """Leave the cursor to the person from the first key or click on."""
        if isinstance(event, (events.Key, events.MouseDown)):
            self._follows = False
        await super().on_event(event)

    def _draw(self, model: ScreenState, now: float) -> None:
        super()._draw(model, now)
        is_told = 0 <= now - self._told_at < CAPTION_TIME  # the wall clock may be set back
        if not is_told and self._frozen is None:
            self._tell_next(model, now)

    def _tell_next(self, model: ScreenState, now: float) -> None:
        caption = next_caption(model, now, self._told)
        if caption is None:
            return
        self._told = [*(scene for scene in self._told if scene != caption.scene), caption.scene]
        self._told_at = now
        number = (f"#{caption.connection_id} ", palette.ACCENT)
        self._caption_line.update(Text.assemble(number, self.language.text(caption.text)))
        if self._follows and len(self.screen_stack) == 1:
            self._pane.table.select_shown(caption.connection_id)
