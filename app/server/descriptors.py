"""The limit of descriptors (RLIMIT_NOFILE), and the connections that fit under it.

Some descriptors are kept back for everything that is not a connection: control clients, scrapes of
the metrics, recordings. So an operator can still connect and undo a change when every connection
that may be open is.
"""

from __future__ import annotations

import resource
from math import inf
from typing import Final

from ..core.settings import SettingError, Settings
from .poller import Poller

RESERVED_DESCRIPTORS: Final = 64
"""Descriptors that --max-connections leaves for everything that is not a connection."""
KEPT_BACK: Final = 32
"""Of these, descriptors that no connection gets also where the limit was lowered at run time."""


def fit_descriptors(settings: Settings, poller: Poller) -> tuple[Settings, tuple[str, ...]]:
    """Raise the descriptor limit to fit --max-connections, or lower --max-connections to fit it.

    Returns the settings with notes of what was lowered. Raises `SettingError` if no connection is
    left.
    """
    wanted = settings.max_connections + RESERVED_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        reachable = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if reachable > soft:
            soft = _raise_limit(soft, reachable, hard)
        if soft <= RESERVED_DESCRIPTORS:
            raise SettingError(
                f"the descriptor limit is {soft}, too low for any connection: raise it (ulimit -n)"
            )
    limits = []
    if soft != resource.RLIM_INFINITY and soft < wanted:
        limits.append((soft, f"the descriptor limit is {soft:,}"))
    if poller.fd_limit is not None and poller.fd_limit < wanted:
        limits.append((poller.fd_limit, f"{poller.name} takes {poller.fd_limit:,} descriptors"))
    if not limits:
        return settings, ()
    limit, why = min(limits)
    fitted = limit - RESERVED_DESCRIPTORS
    note = f"--max-connections {settings.max_connections:,} lowered to {fitted:,}: {why}"
    return settings.replace("max_connections", fitted), (note,)


def replace_setting(
    settings: Settings, name: str, value: object, poller: Poller
) -> tuple[Settings, tuple[str, ...]]:
    """Return the settings with one changed at run time, and notes of what was lowered to fit.

    A higher --max-connections is fitted as at the start; a lower one always fits. Raises
    `SettingError` for a value that is not allowed, or where nothing higher fits.
    """
    changed = settings.replace(name, value)
    if changed.max_connections <= settings.max_connections:
        return changed, ()
    fitted, notes = fit_descriptors(changed, poller)
    if fitted.max_connections <= settings.max_connections:
        raise SettingError(f"{notes[0]}; it stays at {settings.max_connections:,}")
    return fitted, notes


def connection_ceiling() -> float:
    """Return the first descriptor that no connection may have; ``inf`` without a limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return inf if soft == resource.RLIM_INFINITY else soft - KEPT_BACK


def limit_reached_at(fd: int, ceiling: float, poller: Poller) -> str:
    """Say which limit does not allow a connection on this descriptor; empty if none does.

    `ceiling` is `connection_ceiling()` as it was when accepting began.
    """
    most = poller.fd_limit
    if most is not None and fd >= most:
        return f"{poller.name} watches no descriptor from {most} on"
    if fd >= ceiling:
        return f"the last {KEPT_BACK} descriptors are kept for control, metrics and the log"
    return ""


def _raise_limit(soft: int, wanted: int, hard: int) -> int:
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # somebody has lowered the hard limit at this moment
        return soft
    return wanted
