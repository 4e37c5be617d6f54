"""Processes that measure: here, in isolation, or on a cluster's machines."""
