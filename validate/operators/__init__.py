"""torch's own operator database, forward and backward: what the CPU does beside what the tracer sees."""
