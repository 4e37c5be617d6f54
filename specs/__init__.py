"""Data only: models known by name. Read through ``importlib.resources``."""
