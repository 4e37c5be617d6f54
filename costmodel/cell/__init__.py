"""What is asked: a model and its input, how it is trained, and the point; its axes in one table."""
