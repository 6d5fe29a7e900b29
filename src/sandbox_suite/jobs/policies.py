"""What an operator allows: quotas, limits, permissions. Read anew at every look: no restart is needed."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sandbox_suite.core import documents
from sandbox_suite.core.findings import Finding
from sandbox_suite.jobs.fairness import Allowed, Cost, Held, Room, hindrance

PERMISSION = "sandbox:execute"
URGENT = "sandbox:urgent"
PLACE = "sandbox/resource_policies.yaml"
Cpus = Annotated[float, Field(gt=0)]
Megabytes = Annotated[int, Field(gt=0)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Quota(_Document):
    """What a tenant may hold at once, and how its turns count against the others'. What is left out has no limit."""

    sandboxes: Annotated[int, Field(ge=0)]
    weight: Annotated[float, Field(gt=0, le=1000)] = 1.0
    cpus: Cpus | None = None
    memory_mb: Megabytes | None = None
    jobs_per_day: Annotated[int, Field(ge=0)] | None = None

    def allowed(self) -> Allowed:
        """Return the quota as the queue reckons with it."""
        return Allowed(**self.model_dump())


class Host(_Document):
    """What one machine may carry, of all tenants together; `jobs` (at work at once) wins over `capacity`."""

    jobs: Annotated[int, Field(ge=0)] | None = None
    sandboxes: Annotated[int, Field(ge=0)] | None = None
    cpus: Cpus | None = None
    memory_mb: Megabytes | None = None

    def room(self, capacity: int) -> Room:
        """Return the room of an empty machine."""
        return Room(capacity if self.jobs is None else self.jobs, self.sandboxes, self.cpus, self.memory_mb)


class Machines(_Document):
    """When a machine that shares the database counts as lost, and what becomes of its jobs."""

    lost_after_seconds: Annotated[float, Field(ge=5)] = 30.0
    lost_jobs: Literal["requeue", "fail"] = "requeue"


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
    host: Host = Host()
    hosts: dict[str, Host] = {}  # by host name, instead of `host`
    machines: Machines = Machines()

    def cost(self) -> Cost:
        """Return what one sandbox takes: all its containers."""
        return Cost(sum(part.cpus for part in self.parts.values()), sum(part.memory_mb for part in self.parts.values()))

    def allowed(self) -> dict[str, Allowed]:
        """Return every tenant's quota."""
        return {name: quota.allowed() for name, quota in self.tenants.items()}

    def host_of(self, name: str) -> Host:
        """Return what a machine may carry, by its host name."""
        return self.hosts.get(name, self.host)


class Access(_Document):
    """config/access.yaml."""

    accounts: dict[str, list[Annotated[str, Field(pattern=r"^[a-z]+:[a-z-]+(@.+)?$")]]]
    feature_flags: dict[str, bool] = {}  # where flags stood before config/flags.yaml: what is said here wins

    def may(self, actor: str, permission: str, tenant: str) -> bool:
        """Whether an account has a permission, for all tenants or (`PERMISSION@TENANT`) for this one."""
        given = self.accounts.get(actor, self.accounts.get("*", []))
        return permission in given or f"{permission}@{tenant}" in given


def resources(config: Path) -> ResourcePolicies:
    """Return the resource policies; RequestError names every mistake."""
    return documents.load(config / PLACE, ResourcePolicies, "resource policies")


def access(config: Path) -> Access:
    """Return the permissions; RequestError names every mistake."""
    return documents.load(config / "access.yaml", Access, "access file")


def check_access(rules: Access, actor: str, tenant: str, priority: str = "normal") -> list[Finding]:
    """Return what forbids `actor` to run a sandbox for `tenant`."""
    wanted = [PERMISSION] if priority == "normal" else [PERMISSION, URGENT]
    return [
        Finding(
            "error",
            f"account `{actor}` lacks the permission `{permission}` for tenant `{tenant}`: an operator grants it in"
            " config/access.yaml",
            "config/access.yaml",
            "no-permission",
        )
        for permission in wanted
        if not rules.may(actor, permission, tenant)
    ]


def check_tenant(rules: ResourcePolicies, tenant: str) -> list[Finding]:
    """Return what is wrong with the tenant of a request."""
    if tenant not in rules.tenants:
        known = ", ".join(sorted(rules.tenants))
        return [Finding("error", f"unknown tenant `{tenant}` (known: {known})", PLACE, "unknown-tenant")]
    quota, cost = rules.tenants[tenant].allowed(), rules.cost()
    too_much = hindrance(quota, Held(), cost)
    if quota.sandboxes == 0:
        message = f"tenant `{tenant}` has a quota of 0 sandboxes: its jobs would wait for ever"
        return [Finding("error", message, PLACE, "no-quota")]
    if too_much:
        message = f"the quota of tenant `{tenant}` has no room for a sandbox ({too_much}): its jobs would wait for ever"
        return [Finding("error", message, PLACE, "no-quota")]
    return []
