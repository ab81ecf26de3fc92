"""What every watcher of a server shares, without a screen."""
