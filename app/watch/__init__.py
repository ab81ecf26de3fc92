"""The part that all watchers of a server share, without a screen."""
