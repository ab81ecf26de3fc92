"""An iteration of a loop in words: for the pane of the loop and for `ctl loop`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from ..core.events import POLLIN, POLLOUT
from ..core.iteration import Iteration, KernelCall, Served

POLLERR: Final = 8
POLLHUP: Final = 16
POLLRDHUP: Final = 0x2000
"""Bits of `revents`, as Linux has them (poll(2)); POLLIN and POLLOUT are in `app.core.events`."""
_BITS: Final = {
    POLLIN: "POLLIN",
    POLLOUT: "POLLOUT",
    POLLERR: "POLLERR",
    POLLHUP: "POLLHUP",
    POLLRDHUP: "POLLRDHUP",
}
_TIMES: Final = "×"  # noqa: RUF001  the sign itself
NO_PROGRESS: Final = "woken without progress"


def interest_words(bits: int) -> str:
    """Return the names of an interest or of revents: ``POLLIN|POLLHUP``; ``none`` for 0."""
    known = [name for bit, name in _BITS.items() if bits & bit]
    rest = bits & ~sum(_BITS)
    return "|".join([*known, *([f"{rest:#x}"] if rest else [])]) or "none"


def calls_words(calls: Sequence[KernelCall]) -> str:
    """Return calls with their results, alike ones together, as in ``accept 2 times, EAGAIN``."""
    groups: list[str] = []
    if any(call.call == "accept" for call in calls):  # each is followed by its watch
        accepts = [call for call in calls if call.call == "accept"]
        watches = [call for call in calls if call.call == "watch"]
        others = [call for call in calls if call.call not in ("accept", "watch")]
        calls = [*accepts, *watches, *others]
    for name, each in groupby(calls, key=lambda call: call.call):
        made = list(each)
        if name in ("read", "write"):
            groups += [f"{name} {_moved(call)}" for call in made]
        else:
            groups.append(_repeated(name, made))
    return " · ".join(groups)


def _moved(call: KernelCall) -> str:
    if call.error:
        return f"{call.asked:,}: {call.error}" if call.call == "write" else call.error
    if call.call == "read":
        return f"{call.result:,}" if call.result else "0, the end"
    if call.result < call.asked:
        return f"{call.result:,} of {call.asked:,}, partial"
    return f"{call.result:,}"


def _repeated(name: str, calls: Sequence[KernelCall]) -> str:
    done = sum(not call.error for call in calls)
    words = [name if done == 1 else f"{name} {_TIMES}{done}"] if done else [name]
    errors = list(dict.fromkeys(call.error for call in calls if call.error))
    return ", ".join([*words, *errors]) if done else f"{name} {', '.join(errors)}"


def served_words(served: Served) -> str:
    """Return who was served: ``#17``, ``listener`` or ``wake-up``, with the descriptor."""
    who = f"#{served.id} " if served.id else ""
    who = {"listener": "listener ", "wakeup": "wake-up "}.get(served.kind, who)
    return f"{who}fd {served.fd}"


def is_idle_wakeup(served: Served) -> bool:
    """Whether the poller woke the loop for it, and nothing came of that."""
    return bool(served.revents) and not served.progress


def states_words(states: Iterable[str]) -> str:
    """Return the states that were passed, in order."""
    return " → ".join(states)


def iteration_words(iteration: Iteration) -> str:
    """Return the first line of an iteration."""
    took = len(iteration.ready) + iteration.left_out
    worker = f"worker {iteration.worker} " if iteration.worker else ""
    telling = f", telling {iteration.telling_us:,} µs" if iteration.telling_us else ""
    ready = sum(bool(served.revents) for served in iteration.ready) + iteration.left_out
    others = f", {took - ready:,} more served" if took > ready else ""
    return (
        f"{worker}iteration {iteration.number:,}: slept {iteration.slept_us:,} µs; poll took"
        f" {ready:,} of {iteration.watched:,} in {iteration.poll_us:,} µs{others};"
        f" serving {iteration.serving_us:,} µs{telling}"
    )


def longest_words(iteration: Iteration) -> str:
    """Explain why an iteration was long: whose it was, on the CPU or waiting, and which call."""
    whole = iteration.serving_us + iteration.telling_us
    waiting = max(0, whole - iteration.cpu_us)
    spent = f"{iteration.cpu_us:,} µs on the CPU, {waiting:,} µs waiting for it"
    parts = [(served.us, served_words(served), served) for served in iteration.ready]
    longest = max(parts, default=None, key=lambda part: part[0])
    if longest is None or longest[0] < iteration.telling_us:
        what = f"telling the watchers took {iteration.telling_us:,} µs"
        return (
            f"{whole:,} µs: {spent}; {what}" if iteration.telling_us else f"{whole:,} µs: {spent}"
        )
    us, who, served = longest
    calls = sorted(served.calls, key=lambda call: call.us)
    call = f", {calls[-1].us:,} µs of it in {calls_words(calls[-1:])}" if calls else ""
    others = sum(served.us for served in iteration.ready) - us
    rest = max(0, iteration.serving_us - us - others)
    told = f"{whole:,} µs: {spent}; {who} took {us:,} µs{call}"
    if others > us:
        told += f"; {len(parts) - 1:,} others {others:,} µs"
    return told + (f"; {rest:,} µs between them" if rest > us else "")
