"""The job's life: table, admission, steps, worker, recovery."""
