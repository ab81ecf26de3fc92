"""What was done to the server: every change, and the answers to one kill as one deed."""

from __future__ import annotations

from app.core.events import CommandResult, SettingChanged
from app.watch.audit import AUDIT_LIMIT, Audit


def answer(request: int, number: int, message: str = "closed", ok: bool = True) -> CommandResult:
    return CommandResult(
        t=float(number), request=request, command="kill", ok=ok, message=message, id=number
    )


def told(audit: Audit) -> list[tuple[str, str, bool]]:
    return [(deed.what, deed.result, deed.ok) for deed in audit.changes]


def test_the_answers_to_one_kill_are_one_deed_and_failures_another() -> None:
    audit = Audit()
    audit.apply(SettingChanged(t=0.0, name="cap", old=64, new=128))
    for number in range(1, 2001):
        audit.apply(answer(7, number))
    audit.apply(answer(7, 2001, "no such connection", ok=False))
    audit.apply(answer(8, 2002))
    audit.apply(answer(9, 2003))
    assert told(audit) == [
        ("cap", "", True),
        ("kill 2,000 connections", "closed", True),
        ("kill #2001", "no such connection", False),
        ("kill #2002", "closed", True),
        ("kill #2003", "closed", True),
    ]


def test_what_came_between_stays_between() -> None:
    audit = Audit()
    audit.apply(answer(7, 1))
    audit.apply(SettingChanged(t=1.0, name="cap", old=64, new=128))
    audit.apply(answer(7, 2))
    assert [what for what, _, _ in told(audit)] == ["kill #1", "cap", "kill #2"]


def test_it_is_bounded() -> None:
    audit = Audit()
    for number in range(AUDIT_LIMIT + 10):
        audit.apply(answer(number, number))
    assert len(audit.changes) == AUDIT_LIMIT
    assert audit.changes[-1].what == f"kill #{AUDIT_LIMIT + 9}"
