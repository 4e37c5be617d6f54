"""Closed forms: polynomials, named sizes, the domain they hold on, and the proof of which term wins. No torch."""
