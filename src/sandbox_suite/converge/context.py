"""Which job, step and attempt a run of Ansible belongs to: in variables of the environment, so it works by hand too."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox_suite.core.files import read_json
from sandbox_suite.core.redaction import Redactor
from sandbox_suite.core.settings import Settings, settings

SECRET_NAME = re.compile(r"(?i)password|passwd|secret|token|key|dsn")
BY_HAND = "by-hand"  # the step that records carry when a person started `ansible-playbook`


@dataclass(frozen=True)
class Context:
    """What the records of a run are keyed by, and where they go."""

    log: Path  # the job's audit log
    job: str
    step: str
    attempt: int
    actor: str
    tenant: str
    reason: str = ""
    secrets: Path | None = None  # folder of files whose contents are hidden in every record

    def variables(self) -> dict[str, str]:
        """Return the environment variables that carry this context."""
        values = {
            "SANDBOX_AUDIT_LOG": str(self.log),
            "SANDBOX_JOB": self.job,
            "SANDBOX_STEP": self.step,
            "SANDBOX_ATTEMPT": str(self.attempt),
            "SANDBOX_ACTOR": self.actor,
            "SANDBOX_TENANT": self.tenant,
            "SANDBOX_REASON": self.reason,
            "SANDBOX_SECRETS_FOLDER": str(self.secrets or ""),
        }
        return {name: value for name, value in values.items() if value}

    def redactor(self) -> Redactor:
        """Return what hides the job's secrets."""
        return secrets_redactor(self.secrets)


def of_job(
    settings: Settings, *, job: str, step: str, attempt: int, actor: str, tenant: str, reason: str = ""
) -> Context:
    """Return the context of a step of a job."""
    return Context(
        log=settings.job(job) / "audit.jsonl",
        job=job,
        step=step,
        attempt=attempt,
        actor=actor,
        tenant=tenant,
        reason=reason,
        secrets=settings.job_runtime(job) / "secrets",
    )


def from_environment(variables: Mapping[str, str]) -> Context | None:
    """Return the context of this run; None where no job is named."""
    job = variables.get("SANDBOX_JOB")
    if not job:
        return None
    log = variables.get("SANDBOX_AUDIT_LOG")
    secrets = variables.get("SANDBOX_SECRETS_FOLDER")
    return Context(
        log=Path(log) if log else _job_folder(job) / "audit.jsonl",
        job=job,
        step=variables.get("SANDBOX_STEP") or BY_HAND,
        attempt=int(variables.get("SANDBOX_ATTEMPT") or 0),
        actor=variables.get("SANDBOX_ACTOR") or _login(),
        tenant=variables.get("SANDBOX_TENANT") or _tenant(job),
        reason=variables.get("SANDBOX_REASON", ""),
        secrets=Path(secrets) if secrets else _secrets(job),
    )


def secrets_redactor(folder: Path | None) -> Redactor:
    """Return what hides the contents of the files in `folder`, and the values inside those that hold JSON."""
    return Redactor(value for file in _files(folder) for value in _values(file))


def _files(folder: Path | None) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.is_file()) if folder and folder.is_dir() else []


def _values(file: Path) -> list[str]:
    """Return what is secret in a file: its text; of an environment as JSON, the values under secret names."""
    text = file.read_text(encoding="utf-8", errors="replace").strip()
    if not text.startswith("{"):
        return [text]
    return [str(value) for name, value in read_json(file).items() if SECRET_NAME.search(name)]


def _job_folder(job: str) -> Path:
    return settings().job(job)


def _secrets(job: str) -> Path:
    return settings().job_runtime(job) / "secrets"


def _tenant(job: str) -> str:
    try:
        return str(read_json(_job_folder(job) / "outputs.json")["tenant"])
    except (OSError, ValueError, KeyError):
        return ""


def _login() -> str:
    import getpass

    return getpass.getuser()
