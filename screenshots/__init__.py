"""What the README shows, made from fixed events by ``python -m screenshots``."""
