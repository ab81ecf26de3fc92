"""Body sizes in the notation of `--size`: ``64``, ``64-4KiB``, ``64:80,4KiB:15,100KiB:5``."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import Struct

from ..core.framing import HEADER_SIZE
from ..core.printable import printable
from ..core.settings import GIB, Rule, SettingError, bounds, format_size

_BODY: Final = Rule("size", Annotated[int, bounds(0, GIB, unit="bytes (1 GiB)")])
_WEIGHT: Final = Rule("weight", Annotated[int, bounds(1, 1_000_000, option="--size: the weight")])
_KIND = re.compile(r"\s*([^-:,]+)(?:-([^-:,]+))?(?::(\d{1,12})\s*)?", re.ASCII)


class SizeRange(Struct, frozen=True):
    """Bodies of `low` to `high` bytes, both included, equally likely; `weight` is their share."""

    low: int
    high: int
    weight: int = 1

    def __str__(self) -> str:
        low = format_size(self.low)
        return low if self.low == self.high else f"{low}-{format_size(self.high)}"


Sizes = tuple[SizeRange, ...]


def parse_sizes(text: str) -> Sizes:
    """Read the ranges that `text` lists. Raises `SettingError`."""
    return tuple(_range(part, text) for part in text.split(","))


def _range(part: str, whole: str) -> SizeRange:
    match = _KIND.fullmatch(part)
    if match is None:
        raise SettingError(
            f"--size {printable(whole)!r}: write a size (64), a range (64-4KiB), or several with "
            "weights (64:80,4KiB:15,100KiB:5)"
        )
    low, high = _BODY.read(match[1]), _BODY.read(match[2] or match[1])
    if low > high:
        raise SettingError(f"--size {printable(part)!r}: write the smaller size first")
    return SizeRange(low, high, _WEIGHT.read(match[3] or "1"))


def describe(sizes: Sizes) -> str:
    """Write the sizes as a person does, with weights in percent."""
    total = sum(kind.weight for kind in sizes)
    if len(sizes) == 1:
        return str(sizes[0])
    return ", ".join(f"{kind} {100 * kind.weight / total:.3g} %" for kind in sizes)


def mean_frame(sizes: Sizes) -> float:
    """Return the bytes of an average frame, including its header."""
    total = sum(kind.weight for kind in sizes)
    body = sum((kind.low + kind.high) / 2 * kind.weight for kind in sizes) / total
    return HEADER_SIZE + body


def draw_sizes(sizes: Sizes, number: int, chance: random.Random) -> Sequence[int]:
    """Draw `number` sizes in random order; each range gets its exact share of them."""
    total = sum(kind.weight for kind in sizes)
    before, drawn = 0, []
    for kind in sizes:
        until = before + kind.weight
        share = number * until // total - number * before // total
        drawn += [chance.randint(kind.low, kind.high) for _ in range(share)]
        before = until
    chance.shuffle(drawn)
    return drawn
