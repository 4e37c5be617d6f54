"""What one operator costs, under each counting convention."""
