"""Plans and suites, the script contract, results and verdicts."""
