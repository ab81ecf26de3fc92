"""What bytes are: pure functions that name framings, slips and protocols."""
