"""The Docker Engine API and our labels."""
