"""Counters in Prometheus' text format. Logs with job, tenant, dataset version and outcome; secrets redacted."""
