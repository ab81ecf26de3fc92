"""The load generator: `echo-tui load`, and a Locust user for several machines (`locust_user`).

A command line becomes a `Plan` (`plan`), the plan a `Share` for each process (`process`), and
each process's `Outcome` goes back to `conduct`, which merges them for the `report`.
"""
