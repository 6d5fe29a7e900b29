"""The labels that everything of a sandbox carries."""

from infra.spec import StackSpec


def labels(spec: StackSpec, part: str = "") -> dict[str, str]:
    """Return the labels of a part, or of what belongs to no part."""
    common = {
        "sandbox-suite.installation": spec.installation,
        "sandbox-suite.job": spec.job,
        "sandbox-suite.tenant": spec.tenant,
        "sandbox-suite.expires-at": spec.expires_at,
    }
    if not part:
        return common
    # The resource has no input for a limit of processes: the label carries it, and the provider applies it.
    return {**common, "sandbox-suite.part": part, "sandbox-suite.pids": str(spec.parts[part].pids)}
