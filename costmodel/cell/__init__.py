"""What is asked: a model and its input, how it is trained, and the point; every option in one table."""
