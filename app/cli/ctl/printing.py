"""Output of `ctl`: one thing a line, for people and for programs alike."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from ...core.events import CommandResult

_BOLD: Final = "\x1b[1m{}\x1b[0m"
encode: Final = msgspec.json.Encoder().encode
"""One JSON object."""


def cell(value: object) -> str:
    """A value as one word where it is one, so that a line can be split; `-` for nothing."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        value = ",".join(map(str, value))
    return "-" if value is None or value == "" else str(value)


def print_table(names: list[str], lines: list[list[str]], with_header: bool) -> None:
    """Aligned columns; the line of names stands out on a terminal only."""
    whole = [names, *lines] if with_header else lines
    widths = [max((len(line[i]) for line in whole), default=0) for i in range(len(names))]
    for number, line in enumerate(whole):
        cells = [text.ljust(width) for text, width in zip(line, widths, strict=True)]
        shown = " ".join(cells).rstrip()
        is_heading = with_header and number == 0 and sys.stdout.isatty()
        print(_BOLD.format(shown) if is_heading else shown)
    sys.stdout.flush()


def print_objects(objects: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object a line."""
    for one in objects:
        sys.stdout.buffer.write(encode(one) + b"\n")
    sys.stdout.buffer.flush()


def print_facts(facts: Mapping[str, Any], as_json: bool) -> None:
    """A name and a value a line, or one JSON object. Of a list each element has a line."""
    if as_json:
        print_objects([facts])
        return
    # What has parts, such as a histogram, is for programs: it has no line of its own.
    plain = {name: value for name, value in facts.items() if not isinstance(value, tuple)}
    width = max(map(len, plain), default=0)
    for name, value in plain.items():
        for each in value if isinstance(value, list) else [value]:
            print(f"{name:<{width}}  {cell(each)}")
    sys.stdout.flush()


def print_result(result: CommandResult, as_json: bool) -> None:
    """Print the outcome of a command, with the connection's id if it was about one."""
    if as_json:
        facts: dict[str, Any] = {"id": result.id, "ok": result.ok, "message": result.message}
        if result.lost_bytes is not None:
            facts["lost_bytes"] = result.lost_bytes
        print_objects([facts])
        return
    subject = "" if result.id is None else f"#{result.id} "
    print(f"{subject}{result.message}", flush=True)
