"""`pullback descend`."""
