"""The labelled situations. Every number in them is drawn anew from the seed."""

from __future__ import annotations

from typing import Final

from . import ends_and_holds, lost_peers, peers_at_rest, slow_readers
from .labelling import found
from .playing import Situation

MODULES: Final = (peers_at_rest, slow_readers, lost_peers, ends_and_holds)
SITUATIONS: Final[tuple[Situation, ...]] = tuple(found)
