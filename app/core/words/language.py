"""The language of texts for people: a value that is handed to whoever draws or prints.

The code composes in English. A `Sentence` knows its template and its fields, so `Language.text` can
look the template up in the table of another language and fill it in again. A text without an entry
stays English. Codes, names, JSON, log lines and refusals never pass through a `Language`.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

LANGUAGES: Final = ("en", "ko")
_LOCALE: Final = ("LC_ALL", "LC_MESSAGES", "LANG")
"""The variables of the locale; the first one that is set decides, as in setlocale(3)."""
_NUMBER: Final = re.compile(r"\d[\d,]*")


class Sentence(str):
    """An English text that was filled in by `compose`."""

    template: str
    fields: Mapping[str, object]


def compose(template: str, **fields: object) -> Sentence:
    """Fill in an English template. Fields that are texts are told in the other language, too."""
    made = Sentence(template.format(**fields))
    made.template, made.fields = template, fields
    return made


def capitalize(text: str) -> Sentence:
    """Begin an English text with a capital letter."""
    made = Sentence(text[:1].upper() + text[1:])
    made.template, made.fields = "{text}", {"text": text}
    return made


def join_texts(texts: Iterable[str], between: str = " ") -> Sentence:
    """Join texts, each of which is looked up for itself."""
    fields = {f"part{number}": text for number, text in enumerate(texts)}
    return compose(between.join(f"{{{name}}}" for name in fields), **fields)


@dataclass(frozen=True)
class Language:
    """A language with its table of messages, by the English text or template."""

    code: str
    table: Mapping[str, str]

    def text(self, english: str) -> str:
        """Return a text in this language, or as it is if the table does not have it.

        A text with numbers in it may have an entry with ``{}`` in place of each.
        """
        if not self.table:
            return str(english)
        if isinstance(english, Sentence):
            fields = {
                name: self.text(value) if isinstance(value, str) else value
                for name, value in english.fields.items()
            }
            return self.table.get(english.template, english.template).format(**fields)
        if english in self.table:
            return self.table[english]
        masked = self.table.get(_NUMBER.sub("{}", english))
        return masked.format(*_NUMBER.findall(english)) if masked else english


ENGLISH: Final = Language("en", {})


def language_of(code: str) -> Language:
    """Return the language of a code of `LANGUAGES`."""
    if code == "en":
        return ENGLISH
    korean = importlib.import_module(".korean", __package__)  # most processes never need it
    return Language(code, korean.KOREAN)


def choose_language(environment: Mapping[str, str]) -> str:
    """Return the code of the locale's language, or English."""
    locale = next(filter(None, map(environment.get, _LOCALE)), "") or ""
    return "ko" if re.match(r"ko(?![a-z])", locale) else "en"
