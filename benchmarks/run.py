"""The command line: which servers, which scenarios, how often, and where the results go."""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import NoReturn

from benchmarks import machine, native, readme
from benchmarks.chart import as_svg
from benchmarks.measuring import Measurement, measure, measure_in_turns
from benchmarks.scenarios import SCENARIOS, Scenario, in_one_round
from benchmarks.servers import SERVERS, Server, of_checkout
from benchmarks.summary import Results
from benchmarks.tables import as_markdown, as_text

AGAINST = readme.UVLOOP
"""Bare: without CAP, time-outs, counters and events."""


def main() -> None:
    """Run, print each table as soon as it is complete, and write the files asked for."""
    options = read_options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    raise_descriptor_limit()
    native.build()
    results = Results(options.against, {}, {})
    try:
        for group in in_one_round(options.scenario):
            measure_group(
                group, options.server, results, options.rounds, options.turns, options.seconds
            )
            for scenario in group:
                print(as_text(scenario, results, [one.name for one in options.server]), "\n")
    except KeyboardInterrupt:
        print("interrupted: nothing is written into files", file=sys.stderr)
        sys.exit(130)
    facts = machine.describe()
    print(" · ".join(f"{name} {value}" for name, value in facts.items()))
    names = [one.name for one in options.server]
    if options.markdown:
        options.markdown.write_text(as_markdown(options.scenario, results, names, facts))
    if options.chart:
        options.chart.write_text(as_svg(options.scenario, results, names))
    if options.json:
        options.json.write_text(as_json(options, results, facts))
    if options.readme:
        readme.put_into(options.readme, results, facts, options.rounds)
    failed = any(one.failure for rounds in results.rounds.values() for one in rounds)
    sys.exit(failed)


def end(_signal: int, _frame: FrameType | None) -> NoReturn:
    """A run is ended as by Ctrl-C, so that no server is left behind."""
    raise KeyboardInterrupt


def measure_group(
    scenarios: list[Scenario],
    servers: list[Server],
    results: Results,
    rounds: int,
    turns: int,
    seconds: float,
) -> None:
    """Measure each pair `turns` times a round; every other round goes backwards.

    Neighbours in time are compared, and a machine that slows down in the course of a run
    favours nobody.
    """
    for number in range(rounds):
        step = -1 if number % 2 else 1
        for scenario in scenarios[::step]:
            for server, found in one_round(scenario, servers[::step], results, turns, seconds):
                key = (scenario.name, server.name)
                progress(f"{scenario.name}: round {number + 1} of {rounds}, {server.name}")
                if found.failure:
                    results.skipped[key] = found.failure
                    progress("")
                    print(f"{scenario.name}, {server.name}: {found.failure}", file=sys.stderr)
                results.rounds.setdefault(key, []).append(found)
    progress("")


def one_round(
    scenario: Scenario, servers: list[Server], results: Results, turns: int, seconds: float
) -> Iterator[tuple[Server, Measurement]]:
    """Measure the servers that can take part, one after the other or in turns."""
    able = []
    for server in servers:
        key = (scenario.name, server.name)
        if key not in results.skipped and (reason := server.reason_to_skip(scenario)):
            results.skipped[key] = reason
        if key not in results.skipped:
            able.append(server)
    if turns > 1 and scenario.can_repeat:
        yield from measure_in_turns(able, scenario, seconds, turns)
    else:
        for server in able:
            yield server, measure(server, scenario, seconds)


def progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def as_json(options: argparse.Namespace, results: Results, facts: dict[str, str]) -> str:
    """Every round's figures, and the rows made of them."""
    names = [one.name for one in options.server]
    tables = {
        scenario.name: {
            "title": scenario.title,
            "rows": [asdict(row) for row in results.rows(scenario, names)],
            "rounds": {name: listed(results, scenario.name, name) for name in names},
        }
        for scenario in options.scenario
    }
    head = {"against": options.against, "seconds": options.seconds, "rounds": options.rounds}
    return json.dumps({"machine": facts, **head, "scenarios": tables}, indent=1) + "\n"


def listed(results: Results, scenario: str, server: str) -> list[dict[str, object]]:
    rounds: Sequence[Measurement] = results.rounds.get((scenario, server), [])
    return [asdict(one) for one in rounds]


def raise_descriptor_limit() -> None:
    """Servers inherit it: 10,000 connections need as many descriptors."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each pair (default 3)")
    parser.add_argument(
        "--turns",
        type=int,
        default=1,
        help="runs of each pair in a round, with the servers of a scenario alive at once: the "
        "figures of two are closest then (default 1: one server at a time)",
    )
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="measured seconds of each run (default 1)"
    )
    parser.add_argument("--scenario", default="", help="names, with commas between (default all)")
    parser.add_argument("--server", default="", help="names, with commas between (default all)")
    parser.add_argument(
        "--against",
        help=f"what the ratios are of: a server's name, or the folder of another checkout of the "
        f"project, where the first of the servers is started too (default {AGAINST})",
    )
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file")
    parser.add_argument("--chart", type=Path, help="draw the ratios as an SVG in this file")
    parser.add_argument("--readme", type=Path, help="write the tables of README.md into this file")
    parser.add_argument("--list", action="store_true", help="list scenarios and servers")
    options = parser.parse_args()
    scenarios = {one.name: one for one in SCENARIOS}
    servers = {one.name: one for one in SERVERS}
    if options.list:
        print("\n".join(f"{one.name:10} {one.title}" for one in SCENARIOS))
        print("\n" + "\n".join(servers))
        sys.exit(0)

    # Before a run of half an hour, not after it.
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds}: must be 1 at least")
    if options.turns < 1:
        parser.error(f"--turns {options.turns}: must be 1 at least")
    if not 0.01 <= options.seconds <= 3600:
        parser.error(f"--seconds {options.seconds}: must be 0.01 to 3600")
    for path in filter(None, (options.json, options.markdown, options.chart, options.readme)):
        if path.is_dir() or not os.access(path.parent, os.W_OK):
            parser.error(f"{path} cannot be written: name a file in a folder that is there")

    def chosen(flag: str, text: str, known: Sequence[str]) -> list[str]:
        names = list(dict.fromkeys(name for name in text.split(",") if name)) or list(known)
        for name in names:
            if name not in known:
                parser.error(f"{flag} {name}: not one of {', '.join(known)}")
        return names

    options.scenario = [scenarios[n] for n in chosen("--scenario", options.scenario, [*scenarios])]
    options.server = [servers[n] for n in chosen("--server", options.server, [*servers])]
    if options.against and (Path(options.against) / "app" / "__main__.py").is_file():
        options.server.append(of_checkout(options.server[0], Path(options.against)))
        options.against = options.server[-1].name
    measured = [one.name for one in options.server]
    if not options.against:
        options.against = AGAINST if AGAINST in measured else measured[0]
    elif options.against not in measured:
        parser.error(
            f"--against {options.against}: not one of those measured, {', '.join(measured)}, "
            "and no folder with a checkout"
        )
    if options.readme and not readme.has_marks(options.readme):
        parser.error(f"--readme {options.readme}: has no lines {readme.BEGIN} and {readme.END}")
    return options
