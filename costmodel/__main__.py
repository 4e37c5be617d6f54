"""``python -m costmodel``."""

from costmodel.cli import run

run()
