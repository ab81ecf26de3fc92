"""The screenshots of the README, made from fixed events by ``python -m screenshots``."""
