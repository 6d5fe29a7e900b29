"""PostgreSQL: connect, wait, copy."""
