"""``python -m costmodel``."""

from costmodel.terminal.cli import run

run()
