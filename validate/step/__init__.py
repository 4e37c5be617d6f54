"""The real step, and the instruments that watch it."""
