"""The field for one line of text."""

from __future__ import annotations

from textual import events
from textual.widgets import Input


class Field(Input):
    """A field that takes its keys in the order in which they were typed.

    Textual inserts characters in the field's turn and runs bindings, such as those of Enter and
    Backspace, in the app's: of keys that come in one read (a paste, a slow link) an Enter came
    before the characters in front of it.
    """

    async def _on_key(self, event: events.Key) -> None:
        bindings = self._bindings.key_to_bindings.get(event.key)
        if bindings and not event.is_printable:
            event.stop()
            event.prevent_default()
            await self.run_action(bindings[0].action)
        else:
            await super()._on_key(event)


def takes(field: Input, event: events.Key) -> bool:
    """Whether a key is for a field, and not for what stands around it."""
    if event.is_printable:
        return field.check_consume_key(event.key, event.character)
    return isinstance(field, Field) and event.key in field._bindings.key_to_bindings
