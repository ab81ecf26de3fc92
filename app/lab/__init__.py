"""Loops that are wrong on purpose, each beside the product's own server, and what proves it."""
