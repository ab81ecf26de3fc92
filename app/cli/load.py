"""`echo-tui load`: the options, the signals and the exit code."""

from __future__ import annotations

import contextlib
import sys
from typing import Any, Final

import click
import msgspec

from ..core.printable import printable
from ..core.settings import rules_of
from ..load.load_plan import PROFILES, LoadPlan, sum_profiles
from ..load.load_runner import LoadError, LoadRunner
from ..load.report import ProgressLine, report
from ..load.result import as_json, merge
from ..load.sizes import parse_sizes
from .completion import one_of
from .exit_codes import EXIT_FAILED, EXIT_USAGE
from .options import Host, Judged, option
from .signals import stop_signals

OPEN_LOOP_DEPTH: Final = 64
"""Default of --depth with --rate, in frames."""
DEFAULT_DURATION: Final = 10.0
"""Seconds."""
_RULES: Final = rules_of(LoadPlan)
_PROFILE_HELP = "; ".join(f"{name}: {what}" for name, what in PROFILES.items())


@click.command()
@click.argument("host", type=Host())
@click.argument("port", type=Judged(_RULES["port"]))
@option(_RULES["connections"])
@option(_RULES["depth"], default=None)
@click.option(
    "--size",
    default="64",
    metavar="SPEC",
    show_default=True,
    help="Body sizes: 64, a range 64-4KiB, or several with weights 64:80,4KiB:15,100KiB:5.",
)
@option(_RULES["rate"], show_default=False)
@option(_RULES["duration"], default=None)
@option(_RULES["frames"], default=None)
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    metavar="NAME[:COUNT]",
    shell_complete=one_of(PROFILES),
    help=f"Clients that misbehave, beside the others; repeatable. {_PROFILE_HELP}.",
)
@option(_RULES["processes"])
@option(_RULES["connect_rate"])
@option(_RULES["timeout"])
@option(_RULES["seed"])
@click.option("--json", "machine", is_flag=True, help="The report as one JSON object.")
def load(machine: bool, size: str, profiles: tuple[str, ...], **options: Any) -> int:
    """Load the server on HOST and PORT with echoes, and verify every byte of them.

    Exit code 1 if an echo was wrong or missing, or a connection was lost; 2 if there was no
    connection at all. Ctrl-C ends in order and reports.
    """
    if options["depth"] is None and options["rate"]:
        options["depth"] = OPEN_LOOP_DEPTH
    if options["duration"] is None and (profiles or not options["frames"]):
        options["duration"] = DEFAULT_DURATION
    plan = LoadPlan(
        **{name: value for name, value in options.items() if value is not None},
        sizes=parse_sizes(size),
        profiles=sum_profiles(profiles),
    )
    try:
        return run(plan, machine)
    except LoadError as error:
        print(f"echo-tui load: {printable(str(error), 300)}", file=sys.stderr)
        return EXIT_USAGE


def run(plan: LoadPlan, machine: bool) -> int:
    """Run the plan, print its report and return the exit code. Raises `LoadError`."""
    progress = ProgressLine(plan, sys.stderr.fileno())
    runner = LoadRunner(plan, progress.render)

    def stop(_name: str, _at_once: bool) -> None:
        runner.stop()  # its second call ends the run at once
        progress.announce_stop()

    try:
        with stop_signals(stop):
            workers = runner.run()
    finally:
        progress.clear()
    result = merge(plan, workers, runner.stopped)
    with contextlib.suppress(BrokenPipeError):  # the reader needs no more
        if machine:
            sys.stdout.buffer.write(msgspec.json.encode(as_json(result)) + b"\n")
        else:
            print("\n".join(report(result, sys.stdout.encoding)))
        sys.stdout.flush()
    return 0 if result.well else EXIT_FAILED
