"""The control plane of sandbox-suite: ephemeral test sandboxes, laid out by concern (see docs/architecture.md)."""

__version__ = "0.1.0"
