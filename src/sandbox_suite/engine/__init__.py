"""The Docker Engine API client, our labels, and what carries them."""

from sandbox_suite.engine.connection import client
from sandbox_suite.engine.identity import installation

__all__ = ["client", "installation"]
