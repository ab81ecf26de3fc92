"""A verdict on one case, and the whole grade; the same for clients and servers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

import msgspec

from ..core.words.language import compose


class CaseVerdict(NamedTuple):
    """The verdict on one case."""

    case: str
    ok: bool
    skipped: bool
    """The case could not be met; then `ok` is true."""
    text: str
    """One sentence, a `Sentence` if it is composed: what was seen, and the bug that is likely."""
    seconds: float


class Grade(NamedTuple):
    """All verdicts of one check."""

    what: str
    """The client or server that was graded: a command line, or an address."""
    seed: int
    verdicts: Sequence[CaseVerdict]

    @property
    def ok(self) -> bool:
        """Whether no case has failed."""
        return all(verdict.ok for verdict in self.verdicts)

    @property
    def summary(self) -> str:
        """One line: how many passed, failed and were skipped."""
        failed = sum(not verdict.ok for verdict in self.verdicts)
        skipped = sum(verdict.skipped for verdict in self.verdicts)
        passed = len(self.verdicts) - failed - skipped
        return compose(
            "{passed} passed, {failed} failed, {skipped} skipped",
            passed=passed,
            failed=failed,
            skipped=skipped,
        )

    def to_json(self) -> str:
        """Return one JSON object (docs/testing-your-client.md)."""
        cases: list[dict[str, Any]] = [
            {**verdict._asdict(), "text": str(verdict.text), "seconds": round(verdict.seconds, 3)}
            for verdict in self.verdicts
        ]
        told = {"ok": self.ok, "seed": self.seed, "cases": cases}
        return msgspec.json.encode(told).decode()

    def to_junit(self) -> str:
        """Return a JUnit report, which CI systems show."""
        seconds = sum(verdict.seconds for verdict in self.verdicts)
        suite = ET.Element(
            "testsuite",
            name=f"echo-tui check: {self.what}",
            tests=str(len(self.verdicts)),
            failures=str(sum(not verdict.ok for verdict in self.verdicts)),
            skipped=str(sum(verdict.skipped for verdict in self.verdicts)),
            errors="0",
            time=f"{seconds:.3f}",
        )
        for verdict in self.verdicts:
            case = ET.SubElement(
                suite,
                "testcase",
                classname="echo-tui.check",
                name=verdict.case,
                time=f"{verdict.seconds:.3f}",
            )
            if verdict.skipped:
                ET.SubElement(case, "skipped", message=verdict.text)
            elif not verdict.ok:
                ET.SubElement(case, "failure", message=verdict.text).text = verdict.text
        return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
