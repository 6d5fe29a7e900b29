"""What an installation has on this machine: containers, networks, volumes, stacks, secrets, processes."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import docker
import psutil

from sandbox_suite import engine
from sandbox_suite.core.settings import load
from sandbox_suite.engine import inventory
from sandbox_suite.sessions import holder

SERVICES = (
    "sandbox_suite.jobs.worker",
    "sandbox_suite.jobs.lease_watch",
    "sandbox_suite.sessions",
    "sandbox_suite.launch",
)  # they end by themselves


def temporary(home: Path) -> Path:
    """Return the folder for temporary files of an installation: its own, so that all in it is its own."""
    return home / "tmp"


@dataclass(frozen=True)
class Traces:
    """Looks for what a job may have left; empty sets mean: without a trace."""

    home: Path

    def left(self) -> dict[str, set[str]]:
        """Return what there is, by kind."""
        client = docker.APIClient(version="auto")
        items = inventory.items(client, engine.installation(self.home))
        golden = {one.name for one in items if one.kind == "container" and "golden" in one.name}
        return {
            "docker": {f"{one.kind} {one.name}" for one in items} - golden,
            "stacks": {str(path) for path in self.home.glob("jobs/*/stack")},
            "secrets": {str(path) for path in self.runtime().glob("jobs/*/**/*") if path.is_file()},
            "processes": self._processes(),
            "temporary files": {str(path) for path in temporary(self.home).rglob("*")},
        }

    def none(self) -> bool:
        """Whether nothing at all is left."""
        return not any(self.left().values())

    def remove(self) -> None:
        """Remove what an installation keeps for its next job: services, sockets, golden images."""
        holder.stop(self.runtime())
        shutil.rmtree(self.runtime(), ignore_errors=True)
        client = docker.APIClient(version="auto")
        label = f"sandbox-suite.installation={engine.installation(self.home)}"
        for image in client.images(filters={"label": label}):
            client.remove_image(image["Id"], force=True)

    def runtime(self) -> Path:
        return load(Path("/nonexistent"), {**os.environ, "SANDBOX_HOME": str(self.home)}).runtime

    def belongs(self, process: psutil.Process) -> bool:
        """Whether a process (its `cmdline` looked up) works for this home, the services included."""
        words = " ".join(process.info["cmdline"] or [])
        mine = str(self.home) in words or str(self.runtime()) in words or self._home_of(process) == str(self.home)
        return mine and process.pid != os.getpid()

    def _processes(self) -> set[str]:
        """Return the commands that work for this home, the services apart."""
        mine = [one for one in psutil.process_iter(["cmdline", "pid"]) if self.belongs(one)]
        said = [" ".join(one.info["cmdline"] or []) for one in mine]
        return {words[:200] for words in said if not any(service in words for service in SERVICES)}

    @staticmethod
    def _home_of(process: psutil.Process) -> str | None:
        try:
            return process.environ().get("SANDBOX_HOME")
        except (psutil.Error, OSError):
            return None
