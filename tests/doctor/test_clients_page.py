"""docs/clients.md: an entry for each diagnosis and each note, and no link that leads nowhere."""

from __future__ import annotations

import re
from typing import Final

from app.doctor.hypotheses import _ALL
from tests.doctor.judging import ALL_KINDS
from tests.doctor.streams import QUIET_KINDS
from tests.doctor.test_diagnose import CASES
from tests.program import ROOT

PAGE: Final = (ROOT / "docs" / "clients.md").read_text("utf-8")
NOTES: Final = frozenset(
    "nagle byte_by_byte connection_per_frame pipelines_without_reading empty_frames half_counted"
    " closes_unread window_closes reconnects_fast ends_mid_frame".split()
)


def headings() -> list[str]:
    return re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)


def entries() -> set[str]:
    """Return the codes that a heading, or a table of the protocols, explains."""
    protocols = PAGE.split("## Other protocols")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[a-z0-9_`, ]+`) \|", protocols, re.MULTILINE)
    found = {code for row in rows for code in re.findall(r"`(\w+)`", row)}
    for heading in headings():
        found |= set(heading.split(" — ")[0].split(", "))
    return found


def test_each_framing_and_slip_has_an_entry() -> None:
    assert {framing.code for framing in _ALL if framing.code} | {"over_cap"} <= entries()


def test_each_protocol_has_an_entry() -> None:
    codes = {code for case in CASES for code in case["codes"]} | set(ALL_KINDS) - set(QUIET_KINDS)
    kinds = {"u32be", "prose", "short_characters", "short_constant", "short_words"}
    assert codes - kinds - entries() == set()


def test_each_note_has_an_entry() -> None:
    assert set(headings()) >= NOTES


def test_links_within_the_page_lead_somewhere() -> None:
    anchors = {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings()}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= anchors
