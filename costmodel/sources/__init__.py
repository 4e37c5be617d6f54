"""Where a formula comes from: shipped, from memory or disk, or derived from two traces."""
