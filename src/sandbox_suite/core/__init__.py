"""Settings, errors, clock and ids, redaction, files: knows nothing of the rest."""
