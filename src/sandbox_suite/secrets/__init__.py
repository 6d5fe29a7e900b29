"""References to secrets -> values."""
