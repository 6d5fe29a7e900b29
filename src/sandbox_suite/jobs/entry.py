"""Who may come in: feature flags, permissions, the tenant's quota. Every mistake at once."""

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.findings import Finding
from sandbox_suite.core.settings import Settings
from sandbox_suite.jobs import flags, policies, policy_store
from sandbox_suite.jobs.model import Request


def check(settings: Settings, request: Request) -> list[Finding]:
    """Return what forbids a request to come in, and what its sender should know of the policies in force."""
    found: list[Finding] = []
    former: dict[str, bool] = {}
    try:
        access = policies.access(settings.config)
        former = access.feature_flags
        found += policies.check_access(access, request.actor, request.tenant, request.priority)
    except RequestError as error:
        found += _mistakes("access", error)
    try:
        found += flags.check(settings.config, request.actor, request.tenant, former)
    except RequestError as error:
        found += _mistakes("feature-flags", error)
    try:
        force = policy_store.current(settings)
        found += [Finding("warning", item.message, item.place, item.id) for item in force.findings]
        found += policies.check_tenant(force.rules, request.tenant)
    except RequestError as error:
        found += _mistakes("resource-policies", error)
    return found


def _mistakes(what: str, error: RequestError) -> list[Finding]:
    return [Finding("error", f"{error.explanation.what} ({error.explanation.remedy})", what.replace("-", " "), what)]
