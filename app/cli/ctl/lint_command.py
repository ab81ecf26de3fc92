"""`ctl lint`: what the peers of a server do again and again that costs them time or stalls them."""

from __future__ import annotations

from itertools import chain
from typing import Final

import click

from ...watch.host_ends import FORGOTTEN_AFTER
from ...watch.notes import lint
from ..exit_codes import EXIT_FAILED
from ..options import client_options
from .linking import fetch_state, json_option, linked
from .printing import print_objects

SHOWN_IDS: Final = 8
"""Connections that a line names; the JSON has all of them."""


@click.command("lint")
@client_options
@json_option
def lint_command(control: str | None, as_json: bool) -> int:
    """Notes about the peers, each with its evidence; exit code 1 if there are any."""
    with linked(control, "lint") as link:
        state, now = fetch_state(link, closed=True)
    lately = (row for row in state.kept if row.closed and now - row.closed.t <= FORGOTTEN_AFTER)
    found = lint(chain(lately, state.live()), state.hosts, now)
    if as_json:
        print_objects(one._asdict() for one in found)
    else:
        for one in found:
            ids = " ".join(f"#{number}" for number in one.ids[-SHOWN_IDS:])
            more = len(one.ids) - SHOWN_IDS
            others = f" and {more:,} more" if more > 0 else ""
            print(f"{one.peer} {one.note}: {one.text} ({ids}{others})")
    return EXIT_FAILED if found else 0
