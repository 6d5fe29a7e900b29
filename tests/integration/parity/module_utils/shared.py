"""What the probe shares."""

ANSWER = 42
