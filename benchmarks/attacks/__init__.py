"""Attacks on the command line: functions of a number of tries and a seed, which `benchmarks/robustness.py` runs."""
