"""The entries of the command palette: every action, theme, recent filter and connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from ..watch.row import Row
from .actions import ACTIONS, GROUPS, Action, Keys, signs


class Offer(NamedTuple):
    """One entry of the palette."""

    name: str
    """The name; it may contain text of a user or of a peer and is never read as markup."""
    words: str
    """The description; Textual reads it as markup, so it must not contain foreign text."""
    run: Callable[[], object]


def provider_of(offers: Callable[[str], Iterable[Offer]]) -> type[Provider]:
    """Make a class from which Textual's palette gets the entries, all or those like a query."""

    class Offers(Provider):
        async def discover(self) -> Hits:
            for offer in offers(""):
                yield DiscoveryHit(Content(offer.name), offer.run, offer.name, offer.words)

        async def search(self, query: str) -> Hits:
            matcher = self.matcher(query)
            for offer in offers(query):
                # Not `Matcher.highlight`, which would read the name as markup.
                score, offsets = matcher.fuzzy_search.match(matcher.query, offer.name)
                if score > 0:
                    shown = Content(offer.name)
                    for at in offsets:
                        shown = shown.stylize(matcher.match_style, at, at + 1)
                    yield Hit(score, shown, offer.run, offer.name, offer.words)

    return Offers


def actions(keys: Keys, run: Callable[[str], object]) -> Iterator[Offer]:
    """Yield every action that has `keys`, with them; movements come last.

    The palette itself is left out, and the views are entries of their own.
    """
    moves = {action.name for action in GROUPS["move"]}
    for name, action in sorted(ACTIONS.items(), key=lambda each: each[0] in moves):
        if name in keys and name != "palette" and action not in GROUPS["views"]:
            yield Offer(_name(action), f"key {signs(keys, name)}", partial(run, name))


def _name(action: Action) -> str:
    """Return the label in the key bar followed by the description, without repeating a word."""
    is_new = action.label and action.label.lower() not in action.words.lower()
    return f"{action.label}: {action.words}" if is_new else action.words


def connection(
    query: str, rows: dict[int, Row], select: Callable[[int], object]
) -> Iterator[Offer]:
    """Yield the connection with the id typed, ``12`` or ``#12``; at most one."""
    typed = query.strip().removeprefix("#")
    row = rows.get(int(typed)) if typed.isdecimal() and len(typed) < 20 else None
    if row is not None:
        yield Offer(f"go to #{row.id}  {row.peer}", row.state.value, partial(select, row.id))
