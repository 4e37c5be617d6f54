"""What is answered from formulas: one step, many side by side, ranges, what fits, the peak, each layer."""
