"""This host measured: its rates, its kernels, and how far estimates of seconds are off."""
