"""The forkserver and its children's lives."""
