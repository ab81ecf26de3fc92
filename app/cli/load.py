"""`echo-tui load`: the options, the signals and the exit code."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

import click
import msgspec

from ..core.printable import printable
from ..core.settings import SettingError
from ..load.load_plan import PROFILES, LoadPlan, sum_profiles
from ..load.load_runner import LoadError, LoadRunner
from ..load.report import ProgressLine, report
from ..load.result import as_json, merge
from ..load.sizes import parse_sizes
from .completion import one_of
from .options import Decimal, Host, Port, Whole

EXIT_WRONG: Final = 1
EXIT_USAGE: Final = 2
OPEN_LOOP_DEPTH: Final = 64
DEFAULT_DURATION: Final = 10.0
_PROFILE_HELP = "; ".join(f"{name}: {what}" for name, what in PROFILES.items())


@click.command()
@click.argument("host", type=Host())
@click.argument("port", type=Port())
@click.option(
    "--connections", type=Whole(), default=64, metavar="N", show_default=True, help="How many."
)
@click.option(
    "--depth",
    type=Whole(),
    metavar="N",
    help="Frames in flight on each connection.  [default: 1; with --rate at most 64]",
)
@click.option(
    "--size",
    default="64",
    metavar="SPEC",
    show_default=True,
    help="Of bodies: 64, a range 64-4KiB, or several with weights 64:80,4KiB:15,100KiB:5.",
)
@click.option(
    "--rate",
    type=Decimal(),
    default=0.0,
    metavar="R",
    help="Frames per second in all, sent when due; latency counts from then.  "
    "[default: the next frame as soon as an echo is back]",
)
@click.option(
    "--duration", type=Decimal(), metavar="S", help="Seconds.  [default: 10, unless --frames]"
)
@click.option("--frames", type=Whole(), metavar="N", help="End after N frames in all.")
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    metavar="NAME[:COUNT]",
    shell_complete=one_of(PROFILES),
    help=f"Clients that misbehave, beside the others; repeatable. {_PROFILE_HELP}.",
)
@click.option(
    "--processes",
    type=Whole(),
    default=1,
    metavar="N",
    show_default=True,
    help="That the connections are shared out to.",
)
@click.option(
    "--connect-rate",
    type=Decimal(),
    default=2000.0,
    metavar="R",
    show_default=True,
    help="Connections opened per second, before the clock starts.",
)
@click.option(
    "--timeout",
    type=Decimal(),
    default=5.0,
    metavar="S",
    show_default=True,
    help="Seconds without a byte after which a connect or the last echoes are given up.",
)
@click.option(
    "--seed",
    type=Whole(),
    default=1,
    metavar="N",
    show_default=True,
    help="Of the bodies and their sizes.",
)
@click.option("--json", "machine", is_flag=True, help="The report as one JSON object.")
def load(machine: bool, size: str, profiles: tuple[str, ...], **options: Any) -> int:
    """Load the server on HOST and PORT with echoes, and verify every byte of them.

    Exit code 1 if an echo was wrong or missing, or a connection was lost; 2 if there was no
    connection at all. Ctrl-C ends in order and reports.
    """
    if options["depth"] is None:
        options["depth"] = OPEN_LOOP_DEPTH if options["rate"] else 1
    if options["duration"] is None:
        options["duration"] = 0.0 if options["frames"] and not profiles else DEFAULT_DURATION
    if options["frames"] == 0:  # to the plan it means that none were asked for
        raise SettingError("--frames 0 is out of range: it must be 1 at least")
    options["frames"] = options["frames"] or 0
    plan = LoadPlan(
        **options,
        sizes=parse_sizes(size),
        profiles=sum_profiles(profiles),
    )
    try:
        return run(plan, machine)
    except LoadError as error:
        print(f"echo-tui load: {printable(str(error), 300)}", file=sys.stderr)
        return EXIT_USAGE


def run(plan: LoadPlan, machine: bool) -> int:
    """Run the plan and print its report; the exit code."""
    progress = ProgressLine(plan, sys.stderr.fileno())
    runner = LoadRunner(plan, progress.render)

    def stop() -> None:
        runner.stop()
        progress.announce_stop()

    try:
        with stop_on_signals(stop):
            workers = runner.run()
    finally:
        progress.clear()
    result = merge(plan, workers, runner.stopped)
    with contextlib.suppress(BrokenPipeError):  # whoever reads has seen enough
        if machine:
            sys.stdout.buffer.write(msgspec.json.encode(as_json(result)) + b"\n")
        else:
            print("\n".join(report(result, sys.stdout.encoding)))
        sys.stdout.flush()
    return 0 if result.well else EXIT_WRONG


@contextlib.contextmanager
def stop_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """The first SIGINT, SIGTERM or SIGHUP ends the run in order, the next at once."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, lambda *_: stop()) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
