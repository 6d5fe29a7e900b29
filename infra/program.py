"""The program: one sandbox out of its configuration."""

import pulumi

from infra.components.sandbox import Sandbox
from infra.spec import StackSpec


def program() -> None:
    """Build the sandbox that `sandbox:spec` describes and export what the rest of the suite reads."""
    spec = StackSpec.read(pulumi.Config("sandbox").require("spec"))
    sandbox = Sandbox(f"sandbox-{spec.job}", spec=spec)
    for name, value in sandbox.facts.items():
        pulumi.export(name, value)
