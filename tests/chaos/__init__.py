"""Chaos: what happens when things die, lie or flood."""
