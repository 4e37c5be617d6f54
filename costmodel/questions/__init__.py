"""What is answered: one step, its closed forms, many side by side, ranges, what fits, the peak, each layer."""
