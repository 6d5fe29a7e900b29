"""Audit records: canonical, numbered, hash-chained, verified."""
