"""Performance: what a run cost, what it is held against, and how sure a difference is."""
