"""Payloads as ansible-core itself makes them, and a local agent that is fit to run them warm."""

import asyncio
import functools
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.executor import module_common
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar
from sessions_local import PIPE, LocalEngine

from sandbox_suite.sessions import carrier
from sandbox_suite.sessions.carrier import Carrier, CliCarrier

PYTHON = os.path.realpath(sys.executable)
MODULE = """#!/usr/bin/python3
from ansible.module_utils.basic import AnsibleModule
def main():
    module = AnsibleModule({"text": {"type": "str"}, "number": {"type": "int"}})
    answer = module.params["text"]
    BODY
    module.exit_json(answer=answer)
if __name__ == "__main__":
    main()
"""


@functools.cache
def plugins() -> None:
    """Have Ansible find its plugins, once."""
    init_plugin_loader()


def command(settings: str = "", python: str = PYTHON) -> list[str]:
    """Return the command that Ansible gives a payload to."""
    return ["/bin/sh", "-c", f"{settings}{python} && sleep 0"]


def payload(folder: Path, body: str = "pass", name: str = "own", **arguments: Any) -> bytes:
    """Return the payload of a module with `body` in its function."""
    plugins()
    shutil.rmtree(Path(constants.DEFAULT_LOCAL_TMP) / "ansiballz_cache", ignore_errors=True)  # it goes by names
    path = folder / f"{name}.py"
    path.write_text(MODULE.replace("BODY", body))
    built = module_common.modify_module(
        module_name=name,
        module_path=str(path),
        module_args={"_ansible_tracebacks_for": [], "text": "täxt", **arguments},
        templar=Templar(loader=DataLoader(), variables={}),
        task_vars={"ansible_python_interpreter": PYTHON},
        module_compression="ZIP_DEFLATED",
    )
    return bytes(built.b_module_data)


class FitEngine(LocalEngine):
    """Its agents run in our own Python, without virtual environment or variables, as a container's would."""

    def __init__(self, home: Path, **variables: str) -> None:
        super().__init__()
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", **variables}

    async def start(
        self, container: str, user: str | None, argv: tuple[str, ...], env: Mapping[str, str] = carrier.NO_ENV
    ) -> Carrier:
        process = await asyncio.create_subprocess_exec(
            PYTHON, *argv[1:], stdin=PIPE, stdout=PIPE, stderr=PIPE, env=self.environment
        )
        self.agents.append(process)
        return CliCarrier(process)
