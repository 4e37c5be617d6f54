"""What one operator costs, under each counting convention; `register` adds an operator from outside the package."""

from costmodel.rules.registry import register, unregister

__all__ = ["register", "unregister"]
