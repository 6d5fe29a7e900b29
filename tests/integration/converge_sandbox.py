"""Three containers as a sandbox has them, made with the engine alone: what the tests of roles and runner work on."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox_suite.converge import context, runner
from sandbox_suite.converge.context import Context
from sandbox_suite.converge.runner import Converged
from sandbox_suite.core.files import file_digest, write_atomic, write_json
from sandbox_suite.core.settings import CHECKOUT, Settings, load
from sandbox_suite.plugins import package, signature
from sandbox_suite.sessions import holder
from sandbox_suite.toolchain import images

USERS = {"database": "postgres", "plugin": "powerx", "runner": "runner"}
TMPFS = "rw,noexec,nosuid,nodev"
FOLDERS = {
    "database": {
        "/data/run": f"{TMPFS},size=256m,mode=0700,uid=10000,gid=10000",
        "/tmp": f"{TMPFS},size=64m,mode=1777",
    },
    "plugin": {
        "/var/lib/powerx/plugins": f"{TMPFS},size=128m,mode=0700,uid=10001,gid=10001",
        "/tmp": f"{TMPFS},size=64m,mode=1777",
    },
    "runner": {"/tmp": f"{TMPFS},size=128m,mode=1777"},
}
DATASET = """
CREATE SCHEMA dataset;
CREATE TABLE dataset.customers (id bigint PRIMARY KEY, name text, email text, country text, status text);
CREATE TABLE dataset.orders (id bigint PRIMARY KEY, customer_id bigint, amount numeric(12,2));
CREATE TABLE dataset.notes (id bigint PRIMARY KEY, customer_id bigint, body text);
INSERT INTO dataset.customers
SELECT i, '客户 ' || i, i || '@example.test', 'DE', 'active' FROM generate_series(1, 50) AS i;
INSERT INTO dataset.orders SELECT i, i, i FROM generate_series(1, 50) AS i;
"""
READY = "until psql -XqAt -d sandbox -c SELECT >/dev/null 2>&1; do sleep 0.02; done"
SCHEMA, ROLE = "plugin_customer_desk", "plugin_customer_desk"


@dataclass(frozen=True)
class Sandbox:
    """A sandbox of one job, with the secrets that no file but their own may hold."""

    settings: Settings
    job: str
    planted: dict[str, str] = field(default_factory=dict)  # name -> secret

    @property
    def folder(self) -> Path:
        """Return the job's folder."""
        return self.settings.job(self.job)

    @property
    def secrets(self) -> Path:
        """Return the folder of the job's secrets."""
        return self.settings.job_runtime(self.job) / "secrets"

    @property
    def log(self) -> Path:
        """Return the audit log."""
        return self.folder / "audit.jsonl"

    def context(self, step: str, attempt: int = 1) -> Context:
        """Return the context of a step."""
        return context.of_job(self.settings, job=self.job, step=step, attempt=attempt, actor="qa", tenant="acme")

    def run(self, playbook: str, step: str, variables: dict[str, Any], attempt: int = 1, **more: Any) -> Converged:
        """Run a playbook as a job does."""
        return runner.run(playbook, self.context(step, attempt), variables, self.settings, **more)

    def by_hand(self, playbook: str, step: str, *more: str) -> "subprocess.CompletedProcess[str]":
        """Run a playbook as a person does, with the variables that the step wrote."""
        return subprocess.run(
            [
                CHECKOUT / ".venv/bin/ansible-playbook",
                *("-i", "inventories/sandbox", f"playbooks/{playbook}.yml"),
                *("-e", f"@{self.folder}/vars/{step}.json", *more),
            ],
            cwd=CHECKOUT,
            env=self.environment(),
            capture_output=True,
            text=True,
        )

    def environment(self) -> dict[str, str]:
        """Return the environment of a person at work on this job."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {**kept, "LC_ALL": "C.UTF-8", "SANDBOX_HOME": str(self.settings.home), "SANDBOX_JOB": self.job}

    def container(self, part: str) -> str:
        """Return the name of a part's container."""
        return f"{self.job}-{part}"

    def shell(self, part: str, script: str) -> str:
        """Run a shell script in a part and return what it printed."""
        return docker("exec", "-i", self.container(part), "sh", "-c", script)

    def deploy_variables(self, packed: package.Package) -> dict[str, Any]:
        """Return what the `deploy` step hands to the playbook for the example plugin."""
        manifest = package.read(packed.path).manifest
        write_json(
            self.secrets / "plugin_environment",
            manifest.environment({"POWERX_DB_DSN": self.planted["plugin_dsn"], "POWERX_DATASET_SCHEMA": "dataset"}),
            0o600,
        )
        return {
            "plugin_deploy_role": ROLE,
            "plugin_deploy_schema": SCHEMA,
            "plugin_deploy_password_file": str(self.secrets / "plugin_db_password"),
            "plugin_deploy_environment_file": str(self.secrets / "plugin_environment"),
            "plugin_deploy_id": manifest.id,
            "plugin_deploy_package": str(packed.path),
            "plugin_deploy_sha256": file_digest(packed.path),
            "plugin_deploy_command": manifest.command,
            "plugin_deploy_migration_command": manifest.migration_command,
            "plugin_deploy_health_url": f"http://127.0.0.1:{manifest.port}{manifest.health.http}",
        }


def docker(*arguments: str, given: str | None = None) -> str:
    """Run the docker command line."""
    return subprocess.run(["docker", *arguments], input=given, capture_output=True, text=True, check=True).stdout


def packed_example(folder: Path, language: str = "python") -> package.Package:
    """Pack and sign the example plugin with a key of this test."""
    home = folder / "keys"
    return package.pack(CHECKOUT / f"examples/plugins/customer-desk-{language}", folder, signature.signing_key(home))


@contextmanager
def sandbox(home: Path, *, runner: str = "", dataset: str = DATASET) -> Iterator[Sandbox]:
    """Start the three containers of a sandbox; everything is removed after. `runner`: another image of that part."""
    settings = load(home / "none.yaml", {"SANDBOX_HOME": str(home)})
    password = secrets.token_urlsafe(24)
    planted = {
        "plugin_db_password": password,
        "plugin_dsn": f"postgres://{ROLE}:{password}@database:5432/sandbox?search_path={SCHEMA}",
    }
    made = Sandbox(settings, f"cvg-{secrets.token_hex(4)}", planted)
    for name, value in planted.items():
        write_atomic(made.secrets / name, value.encode(), 0o600)
    made.secrets.chmod(0o700)
    try:
        _start(made, {"runner": runner} if runner else {}, dataset)
        yield made
    finally:
        holder.stop(settings.runtime)
        subprocess.run(["docker", "rm", "--force", *map(made.container, USERS)], capture_output=True)
        subprocess.run(["docker", "network", "rm", made.job], capture_output=True)
        shutil.rmtree(settings.runtime, ignore_errors=True)


def _start(made: Sandbox, others: Mapping[str, str], dataset: str) -> None:
    docker("network", "create", "--internal", made.job)
    references = {**images.references(), **others}
    for part, user in USERS.items():
        tmpfs = [word for path, options in FOLDERS[part].items() for word in ("--tmpfs", f"{path}:{options}")]
        limits = ["--read-only", "--init", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--memory=512m"]
        command = [] if part == "database" else ["sleep", "infinity"]
        docker(
            *("run", "--detach", f"--name={made.container(part)}", f"--user={user}", f"--network={made.job}"),
            *(f"--network-alias={part}", "--memory-swap=512m", "--pids-limit=200", *limits, *tmpfs),
            *(references[part], *command),
        )
    made.shell("database", READY)
    docker("exec", "-i", made.container("database"), "psql", "-XqAt", "-d", "sandbox", given=dataset)
    containers = {
        part: {"name": made.container(part), "id": "", "image": "", "user": user} for part, user in USERS.items()
    }
    write_json(made.folder / "outputs.json", {"job": made.job, "tenant": "acme", "containers": containers})


def planted_in(made: Sandbox, *places: Path) -> list[str]:
    """Return every file, and every process of this machine, that shows one of the planted secrets."""
    needles = {name: value.encode() for name, value in made.planted.items() if name != "plugin_dsn"}
    files = [file for place in places for file in place.rglob("*") if file.is_file()]
    found = [f"{file}: {name}" for file in files for name, value in needles.items() if value in file.read_bytes()]
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = process.read_bytes()
        except OSError:
            continue
        found += [f"{process}: {name}" for name, value in needles.items() if value in line]
    return found


def suite(folder: Path, name: str, script: str, **more: Any) -> dict[str, Any]:
    """Write a suite of one shell script and return its entry in the variables."""
    (folder / name).mkdir(parents=True)
    (folder / name / "run.sh").write_text(script)
    return {"name": name, "path": str(folder / name), "run": ["sh", "run.sh"], "timeout_seconds": 20, **more}


__all__ = ["Sandbox", "docker", "packed_example", "planted_in", "sandbox", "suite"]
