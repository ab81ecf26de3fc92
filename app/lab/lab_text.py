"""The words of a scenario. They are data, so that a screen can show them in its own order."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..core.words.language import Language


class LabText(NamedTuple):
    """Everything that is said of one scenario, in one language."""

    title: str
    """The mistake, in one line."""
    question: str
    """Asked before the servers run."""
    answers: tuple[str, str, str]
    right_answer: int
    """The index in `answers` of the one that is true."""
    why: str
    """Explains the figure and the right way, in one paragraph."""
    line: str
    """The line of the mistake, by the name of its function."""
    section: str
    """The places of the source document that are about it."""
    man: str
    """The manual pages."""
    label: str
    """The name of the figure."""
    unit: str
    result: str
    """The outcome in a sentence: a format of ``right`` and ``wrong``, the figures as text, and of
    ``extra``, the second figure of the wrong server."""


def tell_text(text: LabText, language: Language) -> LabText:
    """Return the same in another language."""

    def tell(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(language.text, value))
        return language.text(value) if isinstance(value, str) else value

    return LabText._make(map(tell, text))


def write_figure(value: float) -> str:
    """Write a figure with two digits at least: ``0.24``, ``7.9``, ``44``, ``72,280``."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"
