"""The commands that run real steps or read what they measured; the terminal loads them by name."""
