"""The commands that run real steps; the terminal loads them by name."""
