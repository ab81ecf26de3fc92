"""The field for one line of text."""

from __future__ import annotations

from typing import Final

from textual import events
from textual.binding import Binding
from textual.widgets import Input

_ACTIONS: Final = {
    key: binding.action
    for binding in Input.BINDINGS
    if isinstance(binding, Binding)
    for key in binding.key.split(",")
}
"""The actions of a field that are not characters, by key."""


class Field(Input):
    """A field that takes its keys in the order in which they were typed.

    Textual inserts characters in the field's turn and runs bindings, such as those of Enter and
    Backspace, in the app's: of keys that come in one read (a paste, a slow link) an Enter came
    before the characters in front of it.
    """

    async def _on_key(self, event: events.Key) -> None:
        action = _ACTIONS.get(event.key)
        if action is None:
            await super()._on_key(event)
            return
        event.stop()
        event.prevent_default()
        await self.run_action(action)


def takes(field: Input, event: events.Key) -> bool:
    """Whether a key is for a field, and not for what stands around it."""
    if event.is_printable:
        return field.check_consume_key(event.key, event.character)
    return isinstance(field, Field) and event.key in _ACTIONS
