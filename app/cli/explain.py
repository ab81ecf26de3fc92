"""`echo-tui explain`: say what bytes, or a length in an error message, most probably are."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Final

import click

from ..core.diagnosis import Diagnosis
from ..core.printable import printable
from ..core.settings import SettingError, Settings, rules_of
from ..core.words.language import Language, compose
from ..core.words.wrapping import wrap
from ..doctor.diagnose import MOST_JUDGED, compose_diagnosis, describe_unnamed
from ..doctor.numbers import explain_number
from .options import chosen_language, lang_option, option

_NUMBER: Final = re.compile(r"\d+|\d{1,3}(?:,\d{3})+", re.ASCII)
_NEGATIVE: Final = re.compile(r"-(\d{1,10})", re.ASCII)
"""As languages without unsigned numbers print a length of 4 bytes."""
_MOST_DIGITS: Final = 20
"""Digits of the largest number of 8 bytes."""
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+", re.ASCII)
_LENGTH_DIGITS: Final = 8
"""Hex digits of a length; more of them are the bytes of a stream."""
_WIDEST: Final = 100


class _Explain(click.Command):
    """A command whose argument may be a negative number, which is no option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put a negative number behind all options."""
        negative = [word for word in args if _NEGATIVE.fullmatch(word)]
        if negative and "--" not in args:
            args = [*(word for word in args if word not in negative), "--", *negative]
        return super().parse_args(ctx, args)


@click.command(cls=_Explain)
@click.argument("what", metavar="[NUMBER|HEX|FILE|-]", default="-", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@option(rules_of(Settings)["cap"], help="The CAP that was in force.")
@click.option("--ended", is_flag=True, help="The client closed behind the last byte.")
@lang_option
def explain(what: str, as_json: bool, cap: int, ended: bool, lang: str | None) -> int:
    """Say what bytes, or a length that somebody read, most probably are.

    NUMBER is a length as an error message has it (369295616, 1,347,375,956, -1). HEX is 0x and hex
    digits, or an even number of hex digits with a letter among them (0d0a0000). FILE holds the
    first bytes of a connection, as does stdin (-, the default); a FILE whose name is a number or
    hex is ./NAME.
    """
    found = _explain(what, cap, ended)
    if as_json:
        print(json.dumps(_fields(found)))
    else:
        _print_for_people(found, chosen_language(lang))
    return 0


def _explain(what: str, cap: int, ended: bool) -> Diagnosis:
    if match := _NEGATIVE.fullmatch(what):
        return explain_number(-int(match[1]) & 0xFFFF_FFFF, cap)
    if _NUMBER.fullmatch(what):
        number = what.replace(",", "").lstrip("0") or "0"
        if len(number) > _MOST_DIGITS:  # Python refuses to read some thousands of them
            text = compose(
                "A number of {count:,} digits does not fit into 8 bytes: it is no length.",
                count=len(number),
            )
            return Diagnosis("", text, (), 0, "", "")
        return explain_number(int(number), cap)
    digits = what[2:] if what[:2] in ("0x", "0X") else what if _is_hex(what) else None
    if digits is None:
        return _explain_bytes(_read(what), cap, ended)
    if not re.fullmatch(r"[0-9A-Fa-f]+", digits, re.ASCII):
        raise SettingError(f"{printable(what, 60)!r} is not hex: write 0x and hex digits")
    if what is not digits and len(digits) < _LENGTH_DIGITS:
        return explain_number(int(digits, 16), cap)
    if len(digits) % 2:
        raise SettingError(
            f"{printable(what, 60)!r} has an odd number of hex digits: two make a byte"
        )
    if len(digits) == _LENGTH_DIGITS:
        return explain_number(int(digits, 16), cap)
    return _explain_bytes(bytes.fromhex(digits), cap, ended)


def _is_hex(what: str) -> bool:
    return _HEX.fullmatch(what) is not None and not what.isdigit()


def _explain_bytes(data: bytes, cap: int, ended: bool) -> Diagnosis:
    found = compose_diagnosis(data, 0, ended, cap)
    return found or describe_unnamed(data, ended, cap)


def _read(name: str) -> bytes:
    """The first bytes of a file or of stdin; raises `SettingError` if there are none to be read."""
    most = MOST_JUDGED + 1
    try:
        if name == "-":
            return sys.stdin.buffer.read(most)
        with Path(name).open("rb") as file:
            return file.read(most)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        shown = "stdin" if name == "-" else printable(name, 200)
        raise SettingError(
            f"{shown} cannot be read: {reason}: give a number, hex digits, a file, or -"
        ) from None


def _fields(found: Diagnosis) -> dict[str, object]:
    return {
        "code": found.code or None,
        "text": found.text,
        "also": list(found.also),
        "offset": found.offset,
        "header": found.header,
        "fits": found.fits,
    }


def _print_for_people(found: Diagnosis, language: Language) -> None:
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    text = language.text(found.text)
    print(wrap(printable(text, len(text)), width))
    if found.code:
        template = "Diagnosis: {code}"
        if found.also:
            template = "Diagnosis: {code} (also true, or possible: {also})"
        told = compose(template, code=found.code, also=", ".join(found.also))
        print(wrap(language.text(told), width))
