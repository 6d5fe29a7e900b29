"""Logs with job, tenant, dataset version and outcome; secrets redacted."""
