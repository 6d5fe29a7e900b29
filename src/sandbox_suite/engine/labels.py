"""Our Docker labels: everything a sandbox is made of carries them, so that it can be found when all else is lost."""

INSTALLATION = "sandbox-suite.installation"
JOB = "sandbox-suite.job"
TENANT = "sandbox-suite.tenant"
EXPIRES_AT = "sandbox-suite.expires-at"  # ISO 8601, UTC
PART = "sandbox-suite.part"  # database, plugin, runner; absent on a network
PIDS = "sandbox-suite.pids"  # limit of processes: the Docker provider's resource has no input for it
URN = "pulumi.urn"  # which Pulumi resource a thing is


def labels(installation: str, job: str, tenant: str, expires_at: str, part: str = "") -> dict[str, str]:
    """Return the labels of one thing of a sandbox; a network has no part."""
    common = {INSTALLATION: installation, JOB: job, TENANT: tenant, EXPIRES_AT: expires_at}
    return common | ({PART: part} if part else {})


def filters(installation: str, job: str = "") -> dict[str, list[str]]:
    """Return the engine's filter for what belongs to an installation, or to one job of it."""
    wanted = [f"{INSTALLATION}={installation}"]
    return {"label": [*wanted, f"{JOB}={job}"] if job else wanted}
