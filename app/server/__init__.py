"""The server: state machine, pollers, listener and loop. Knows nothing of any screen."""
