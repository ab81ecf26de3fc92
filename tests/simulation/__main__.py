"""Runs seeds of the simulation: ``python -m tests.simulation --seeds N --from K``, or one again."""

from __future__ import annotations

import argparse
import sys
import time

from .world import World, simulate


def main() -> int:
    """Run what the command line says; return 1 if a seed has failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many seeds to run")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first of them")
    parser.add_argument("--seed", type=int, help="run this one, and print its history")
    options = parser.parse_args()
    if options.seed is not None:
        World(options.seed, print).run()
        return 0
    began, failed = time.perf_counter(), 0
    for seed in range(options.first, options.first + options.seeds):
        line = simulate(seed)
        if line:
            failed += 1
            print(line, flush=True)
    print(f"{options.seeds:,} seeds in {time.perf_counter() - began:.1f} s, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
