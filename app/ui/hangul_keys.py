"""Keys under a Korean layout: what the same keys give under a Latin one.

With the input method on, the terminal sends jamo, or syllables composed of them, in place of
letters. The layout is Dubeolsik (KS X 5002), the usual one; where a shifted key gives another jamo
that is the upper-case letter.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_JAMO: Final = "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔㅁㄴㅇㄹㅎㅗㅓㅏㅣㅋㅌㅊㅍㅠㅜㅡㅃㅉㄸㄲㅆㅒㅖ"
_LATIN: Final = "qwertyuiopasdfghjklzxcvbnmQWERTOP"
_PAIRS: Final = {
    "ㅘ": "ㅗㅏ", "ㅙ": "ㅗㅐ", "ㅚ": "ㅗㅣ", "ㅝ": "ㅜㅓ", "ㅞ": "ㅜㅔ", "ㅟ": "ㅜㅣ",
    "ㅢ": "ㅡㅣ", "ㄳ": "ㄱㅅ", "ㄵ": "ㄴㅈ", "ㄶ": "ㄴㅎ", "ㄺ": "ㄹㄱ", "ㄻ": "ㄹㅁ",
    "ㄼ": "ㄹㅂ", "ㄽ": "ㄹㅅ", "ㄾ": "ㄹㅌ", "ㄿ": "ㄹㅍ", "ㅀ": "ㄹㅎ", "ㅄ": "ㅂㅅ",
}  # fmt: skip
"""Jamo that are typed with two keys."""
_KEYS: Final = dict(zip(_JAMO, _LATIN, strict=True))
_INITIALS: Final = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS: Final = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_FINALS: Final = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
_CONJOINING: Final = (
    (0x1100, _INITIALS),
    (0x1161, _VOWELS),
    (0x11A8, _FINALS),
)
"""The first conjoining jamo of each place in a syllable (Unicode, chapter 3.12), with all of them
as jamo of their own."""


def latin_keys(character: str) -> str:
    """Return the letters on the keys that were typed for Hangul; empty for anything else."""
    typed = ""
    for part in unicodedata.normalize("NFD", character):
        jamo = _alone(part)
        for each in _PAIRS.get(jamo, jamo):
            if each not in _KEYS:
                return ""
            typed += _KEYS[each]
    return typed


def _alone(part: str) -> str:
    """Return a conjoining jamo as the jamo that it is alone."""
    for first, jamo in _CONJOINING:
        if first <= ord(part) < first + len(jamo):
            return jamo[ord(part) - first]
    return part
