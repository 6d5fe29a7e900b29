"""What a machine needs (Docker engine, Pulumi engine, images): look, say, prepare."""

from sandbox_suite.toolchain.prerequisites import Prerequisite, look
from sandbox_suite.toolchain.pulumi_engine import pulumi_path
from sandbox_suite.toolchain.setup import prepare

__all__ = ["Prerequisite", "look", "prepare", "pulumi_path"]
