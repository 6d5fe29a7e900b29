"""The parts of a sandbox, one component each."""
