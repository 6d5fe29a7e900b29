"""What an operator allows: quotas, limits, flags, permissions. Read anew at every look: no restart is needed."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sandbox_suite.core import documents
from sandbox_suite.core.findings import Finding

FLAGS = ("plugin-sandbox-suite", "sandbox-dataset-v2")
PERMISSION = "sandbox:execute"


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Quota(_Document):
    """What a tenant may hold at once."""

    sandboxes: Annotated[int, Field(ge=0)]
    weight: Annotated[float, Field(gt=0)] = 1.0


class PartPolicy(_Document):
    """Limits and confinement of one container of a sandbox; the defaults of the confinement are the hardened ones."""

    cpus: Annotated[float, Field(gt=0, le=64)]
    memory_mb: Annotated[int, Field(ge=32)]
    pids: Annotated[int, Field(ge=16)]
    tmpfs_mb: Annotated[int, Field(ge=8)]
    tmp_mb: Annotated[int, Field(ge=8)] = 64
    read_only: bool = True
    cap_drop: list[str] = ["ALL"]
    no_new_privileges: bool = True
    network: Literal["sandbox", "none"] = "sandbox"


class ResourcePolicies(_Document):
    """config/sandbox/resource_policies.yaml."""

    tenants: dict[str, Quota]
    parts: dict[Literal["database", "plugin", "runner"], PartPolicy]


class Access(_Document):
    """config/access.yaml."""

    feature_flags: dict[str, bool]
    accounts: dict[str, list[str]]


def resources(config: Path) -> ResourcePolicies:
    """Return the resource policies; RequestError names every mistake."""
    return documents.load(config / "sandbox" / "resource_policies.yaml", ResourcePolicies, "resource policies")


def access(config: Path) -> Access:
    """Return flags and permissions; RequestError names every mistake."""
    return documents.load(config / "access.yaml", Access, "access file")


def check_access(rules: Access, actor: str) -> list[Finding]:
    """Return what forbids `actor` to run a sandbox."""
    found = [
        Finding(
            "error", f"feature flag `{flag}` is off: set it in config/access.yaml", "config/access.yaml", "flag-off"
        )
        for flag in FLAGS
        if not rules.feature_flags.get(flag, False)
    ]
    if PERMISSION not in rules.accounts.get(actor, rules.accounts.get("*", [])):
        message = f"account `{actor}` lacks the permission `{PERMISSION}`: an operator grants it in config/access.yaml"
        found.append(Finding("error", message, "config/access.yaml", "no-permission"))
    return found


def check_tenant(rules: ResourcePolicies, tenant: str) -> list[Finding]:
    """Return what is wrong with the tenant of a request."""
    if tenant not in rules.tenants:
        known = ", ".join(sorted(rules.tenants))
        return [
            Finding(
                "error",
                f"unknown tenant `{tenant}` (known: {known})",
                "sandbox/resource_policies.yaml",
                "unknown-tenant",
            )
        ]
    if rules.tenants[tenant].sandboxes == 0:
        message = f"tenant `{tenant}` has a quota of 0 sandboxes: its jobs would wait for ever"
        return [Finding("error", message, "sandbox/resource_policies.yaml", "no-quota")]
    return []
