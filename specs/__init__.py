"""Data only: the models known by name, and the formulas that ship with the package."""

from pathlib import Path

FOLDER = Path(__file__).parent
