"""Recordings: what a server told, in a file, to be played as if it were told now.

A neutral layer: it knows events and streams, but neither the server nor the screen. The file format
is described in ``docs/recording.md``.
"""
