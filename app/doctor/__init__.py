"""Diagnosis: pure functions that name the framing, the slip or the protocol of bytes."""
