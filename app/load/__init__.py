"""The load generator: `echo-tui load`, and a Locust user for several machines (`locust_user`).

A command line becomes a `LoadPlan`. The plan is split into one `LoadShare` per process
(`load_process`). Each process sends its `Outcome` back to the `LoadRunner`; `result` merges the
outcomes and `report` prints them.
"""
