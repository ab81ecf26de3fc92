"""A server under everything at once for a long time: `python -m tests.soak --minutes 30`."""
