"""Measures echo-tui beside its peers: `python -m benchmarks --help`."""
