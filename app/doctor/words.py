"""A diagnosis in words for people: facts first, then the name."""

from __future__ import annotations

from ..core.framing import HEADER_SIZE
from ..core.printable import printable
from .evidence import Stream
from .hypotheses import Hypothesis
from .right import Right
from .signatures import Match


def describe_protocol(match: Match, header: bytes, cap: int) -> str:
    """Say what a server of right frames reads in the first bytes, and what they are."""
    return f"{_read_as_length(header, 0, cap)} These bytes are {match.words}."


def describe_framing(
    stream: Stream, right: Right, best: Hypothesis, others: list[Hypothesis]
) -> str:
    """Say what a server reads at the offset, what explains the bytes, and what would decide."""
    return best.words


def _read_as_length(header: bytes, offset: int, cap: int) -> str:
    return ""
