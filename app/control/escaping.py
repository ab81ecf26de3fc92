"""Texts that come over the control socket are escaped by the client, too.

A server of ours has escaped them, but another program may answer behind a forwarded socket.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from ..core.printable import printable

M = TypeVar("M", bound=msgspec.Struct)


def with_safe_text(message: M, body: bytes) -> M:
    """Return a message with all its texts escaped; `body` is the JSON that it was read from."""
    # Nothing unsafe can come of such bytes, and mostly they are such: pages cost nothing.
    if body.isascii() and b"\\" not in body and b"\x7f" not in body:
        return message
    safe: M = _safe(message)
    return safe


def _safe(value: Any) -> Any:
    """Return a value with its texts escaped, the same object if there is nothing to escape."""
    if isinstance(value, str):
        return value if value.isprintable() else printable(value, len(value))
    if isinstance(value, msgspec.Struct):
        changes = {}
        for name in value.__struct_fields__:
            old = getattr(value, name)
            # Each line of a traceback is escaped by itself.
            new = "\n".join(map(_safe, old.split("\n"))) if name == "traceback" else _safe(old)
            if new is not old:
                changes[name] = new
        return msgspec.structs.replace(value, **changes) if changes else value
    if type(value) is tuple:
        items = tuple(map(_safe, value))
        return (
            items if any(new is not old for new, old in zip(items, value, strict=True)) else value
        )
    if isinstance(value, dict):
        return {_safe(key): _safe(each) for key, each in value.items()}
    return value
