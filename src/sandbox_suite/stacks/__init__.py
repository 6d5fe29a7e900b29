"""Pulumi: workspace, up, refresh, destroy, sweep by label, and the embedded Docker provider."""
