"""The loop in a simulated kernel, driven by one seed; see `tests.simulation.world`."""
