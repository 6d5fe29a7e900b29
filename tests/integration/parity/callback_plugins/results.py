"""Writes every task's result to the file that PARITY_RESULTS names, one JSON line each."""

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: results
type: notification
short_description: Results as JSON lines
description: [For the parity test.]
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible has no types
    """What Ansible looks for."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "results"

    def _write(self, how: str, result: Any) -> None:
        with open(os.environ["PARITY_RESULTS"], "a", encoding="utf-8") as file:
            shown = json.loads(self._dump_results(result._result, indent=0))
            json.dump({"task": result._task.get_name(), "how": how, "result": shown}, file)
            file.write("\n")

    def v2_runner_on_ok(self, result: Any) -> None:
        """Note success."""
        self._write("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Note a failure."""
        self._write("failed", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Note an unreachable host."""
        self._write("unreachable", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Note a skipped task."""
        self._write("skipped", result)
