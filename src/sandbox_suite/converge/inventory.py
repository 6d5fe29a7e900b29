"""The inventory plugin: a stack's outputs as Ansible's hosts. `hosts()` is the pure part."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin

from sandbox_suite.core.settings import settings

PYTHON = "/usr/bin/python3"  # in every image; looking for it costs a second


class SandboxInventory(BaseInventoryPlugin):  # type: ignore[misc]
    """Reads `outputs.json` of the job that the source, or SANDBOX_JOB, names."""

    NAME = "sandbox"

    def verify_file(self, path: str) -> bool:
        """Tell whether `path` is a source for this plugin."""
        return super().verify_file(path) and Path(path).suffix in (".yml", ".yaml")

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Add the sandbox's containers to `inventory`."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        job = self.get_option("job")
        if not job:
            raise AnsibleParserError("no job is named: set SANDBOX_JOB, or `job:` in the inventory source")
        folder = Path(self.get_option("job_folder") or settings().job(job))
        inventory.add_group("sandbox")
        for name, variables in hosts(_outputs(folder), folder, self.get_option("socket")).items():
            inventory.add_host(name, group="sandbox")  # a group named like its host would be warned of in every run
            for key, value in variables.items():
                inventory.set_variable(name, key, value)


def hosts(outputs: Mapping[str, Any], folder: Path, socket: str | None) -> dict[str, dict[str, str]]:
    """Return host -> variables for each container of a stack's outputs; without `socket` the connection finds it."""
    return {
        part: {
            "ansible_connection": "sandbox",
            "ansible_user": container["user"],
            "ansible_python_interpreter": PYTHON,
            "sandbox_container": container["name"],
            "sandbox_job": outputs["job"],
            "sandbox_tenant": outputs["tenant"],
            "sandbox_job_folder": str(folder),
            **({"sandbox_socket": socket} if socket else {}),
        }
        for part, container in outputs["containers"].items()
    }


def _outputs(folder: Path) -> dict[str, Any]:
    file = folder / "outputs.json"
    try:
        outputs: dict[str, Any] = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise AnsibleParserError(
            f"no sandbox stands for this job: {file} does not exist; provision writes it"
        ) from None
    except ValueError as error:
        raise AnsibleParserError(f"{file} is not JSON: {error}") from error
    return outputs
