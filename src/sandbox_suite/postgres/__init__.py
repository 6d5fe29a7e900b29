"""PostgreSQL: types and DDL, connect, wait, copy."""
