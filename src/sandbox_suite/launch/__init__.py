"""The forkserver and its children's lives: a job's step starts in milliseconds and ends with all that it started."""
