"""A stack of the Automation API whose outputs and summary come from the files the CLI has just written.

The API's own asks the CLI for them: three more processes per `up`.
"""

import datetime
from collections.abc import Callable
from typing import Any

from pulumi import automation

from sandbox_suite.stacks import state
from sandbox_suite.stacks.cli import Cli
from sandbox_suite.stacks.workspace import Workspace

SECRET = "4dabf18193072939515e22adb298388d"  # noqa: S105 - the key that marks an encrypted output


class RecordedStack(automation.Stack):
    """The stack of a workspace that is laid out already."""

    def __init__(self, place: Workspace, environment: dict[str, str], program: Callable[[], None] | None) -> None:
        self.name = place.stack
        self.place = place
        self.workspace = automation.LocalWorkspace(
            work_dir=str(place.work),
            pulumi_home=environment["PULUMI_HOME"],
            env_vars=environment,
            program=program,
            pulumi_command=Cli(place.pulumi),
        )

    def outputs(self) -> automation.OutputMap:
        """Return the outputs in the state file."""
        found = state.outputs(state.latest(self.place))
        return {
            key: automation.OutputValue(value, isinstance(value, dict) and SECRET in value)
            for key, value in found.items()
        }

    def info(self, show_secrets: bool = True) -> automation.UpdateSummary:
        """Return the history's record of the last operation."""
        found = state.last_summary(self.place)
        return automation.UpdateSummary(
            kind=found.get("kind", "update"),
            start_time=datetime.datetime.fromtimestamp(found.get("startTime", 0), datetime.UTC),
            message=found.get("message", ""),
            environment=found.get("environment", {}),
            config={},  # holds the whole spec; nobody asks for it here
            result=found.get("result", "succeeded"),
            resource_changes=found.get("resourceChanges"),
        )


def outputs(stack: RecordedStack) -> dict[str, Any]:
    """Return the plain values of the outputs."""
    return {key: one.value for key, one in stack.outputs().items()}
