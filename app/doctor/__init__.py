"""What bytes are: pure functions."""
