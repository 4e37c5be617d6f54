"""The validator: runs the real step under instruments that share no code with the estimator, and compares integers."""
