"""Data only: the models known by name, the formulas that ship with the package, and the claims that are validated."""

from pathlib import Path

FOLDER = Path(__file__).parent
