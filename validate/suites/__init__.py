"""Many cells: which, measured and journalled, as tables, merged and compared."""
