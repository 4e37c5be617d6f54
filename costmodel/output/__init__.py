"""Answers in other forms: export as text, LaTeX, Python, C99 and JSON; figures."""
