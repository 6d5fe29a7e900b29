"""The state file: outputs, resources, what a killed run left in it. Read and mended without the CLI."""

import json
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.files import read_json, write_json
from sandbox_suite.stacks.workspace import PROJECT, Workspace

STACK_TYPE = "pulumi:pulumi:Stack"


@dataclass(frozen=True)
class Interruption:
    """What a killed run left."""

    locks: int = 0
    pending: int = 0  # operations under way when it was killed

    def __bool__(self) -> bool:
        return bool(self.locks or self.pending)


def latest(workspace: Workspace) -> dict[str, Any]:
    """Return the deployment in the state file; empty before the first `up`, or where it cannot be read."""
    try:
        return read_json(workspace.checkpoint)["checkpoint"].get("latest") or {}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def readable(workspace: Workspace) -> bool:
    """Return whether the state file is there and whole."""
    try:
        return isinstance(read_json(workspace.checkpoint)["checkpoint"], dict)
    except (OSError, ValueError, LookupError, TypeError):
        return False


def resources(deployment: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return {urn: resource}."""
    return {one["urn"]: one for one in deployment.get("resources") or []}


def compare(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """Return the names of the resources that are gone, and of those whose inputs or id are others now."""
    same = ("id", "inputs")
    changed = [
        urn for urn in before.keys() & after.keys() if any(before[urn].get(key) != after[urn].get(key) for key in same)
    ]
    return {"removed": _names(before.keys() - after.keys()), "changed": _names(changed)}


def _names(urns: Iterable[str]) -> list[str]:
    return sorted(urn.rpartition("::")[2] for urn in urns)


def outputs(deployment: dict[str, Any]) -> dict[str, Any]:
    """Return the stack's outputs."""
    for one in deployment.get("resources") or []:
        if one["type"] == STACK_TYPE:
            return dict(one.get("outputs") or {})
    return {}


def settle(workspace: Workspace) -> Interruption:
    """Remove what a killed run left: its lock, and its pending operations, whose things are adopted or swept.

    InfrastructureError where the run that holds the lock is alive.
    """
    found = Interruption(_unlock(workspace), len(latest(workspace).get("pending_operations") or []))
    if found.pending:
        whole = read_json(workspace.checkpoint)
        whole["checkpoint"]["latest"].pop("pending_operations")
        write_json(workspace.checkpoint, whole, 0o600)
    return found


def last_changes(workspace: Workspace) -> dict[str, int]:
    """Return how many resources the last operation created, updated, replaced, deleted or left the same."""
    return dict(last_summary(workspace).get("resourceChanges") or {})


def last_summary(workspace: Workspace) -> dict[str, Any]:
    """Return the history's record of the last operation; empty where there is none."""
    records = sorted((workspace.backend / "history" / PROJECT / workspace.stack).glob("*.history.json"))
    try:
        return dict(read_json(records[-1])) if records else {}
    except (OSError, ValueError):
        return {}


def _unlock(workspace: Workspace) -> int:
    removed = 0
    for lock in workspace.locks.glob("*.json"):
        holder = _holder(lock)
        if holder:
            raise InfrastructureError(
                f"another Pulumi run works on stack {workspace.stack} ({holder})",
                remedy="wait until it has ended; where it has and its lock stayed: "
                f"`./invoke stack.pulumi --job {workspace.job} -- cancel --yes`",
            )
        lock.unlink(missing_ok=True)
        removed += 1
    return removed


def _holder(lock: Path) -> str:
    """Return who holds a lock, or nothing when its process is gone."""
    try:
        found = json.loads(lock.read_bytes())
        pid, host = int(found["pid"]), found["hostname"]
    except (OSError, ValueError, KeyError):
        return ""
    if host != socket.gethostname():
        return f"process {pid} on {host}"
    # The number may belong to another program by now.
    try:
        command = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
    return f"process {pid}" if command == "pulumi" and _alive(pid) else ""


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
