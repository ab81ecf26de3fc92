"""The Korean table of messages, from its parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .korean_events import EVENT_TEXTS
from .korean_figures import FIGURE_TEXTS
from .korean_lab_bytes import LAB_BYTES
from .korean_lab_loops import LAB_LOOPS
from .korean_numbers import NUMBER_TEXTS
from .korean_proving import PROVING_TEXTS
from .korean_screen import SCREEN_TEXTS
from .korean_streams import STREAM_TEXTS

PARTS: Final = (
    EVENT_TEXTS,
    FIGURE_TEXTS,
    LAB_LOOPS,
    LAB_BYTES,
    NUMBER_TEXTS,
    PROVING_TEXTS,
    SCREEN_TEXTS,
    STREAM_TEXTS,
)
KOREAN: Final[Mapping[str, str]] = {
    english: korean for part in PARTS for english, korean in part.items()
}
