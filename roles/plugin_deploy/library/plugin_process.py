#!/usr/bin/python3
"""Module plugin_process: the plugin's process, started once, outliving the module that starts it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time

from ansible.module_utils import sandbox_command
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: plugin_process
short_description: Starts a plugin's process
description:
  - A running process of the same version, command and environment is left alone; another one is ended first.
  - The process id, and what tells the process from a later one with the same id, are in the state file.
options:
  argv: {type: list, elements: str, required: true, description: The command.}
  launcher: {type: list, elements: str, default: [], description: What the command is started through.}
  root: {type: path, required: true, description: Folder with the plugin's files; the process runs in it.}
  environment_file: {type: path, required: true, description: JSON object with the environment.}
  log: {type: path, required: true, description: Where its output goes.}
  pid_file: {type: path, required: true, description: Where its process id is written.}
  state_file: {type: path, required: true, description: Where the module remembers what it started.}
  version: {type: str, required: true, description: What tells versions of the plugin apart.}
"""

GRACE_SECONDS = 5


def end(pid: int) -> None:
    """End a process and its group: politely, then not."""
    sandbox_command.end_group(pid, signal.SIGTERM)
    last = time.monotonic() + GRACE_SECONDS
    while sandbox_command.birth(pid) is not None and time.monotonic() < last:
        time.sleep(0.02)
    sandbox_command.end_group(pid)


def start(argv: list[str], root: str, env: dict[str, str], log: str) -> int:
    """Start the process in a session of its own and return its id."""
    with open(log, "ab") as output:
        return subprocess.Popen(
            argv, cwd=root, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        ).pid


def write(path: str, text: str) -> None:
    """Write a file so that nobody reads half of it."""
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


def main() -> None:
    """Do what the parameters say."""
    spec = {
        "argv": {"type": "list", "elements": "str", "required": True},
        "launcher": {"type": "list", "elements": "str", "default": []},
        "version": {"type": "str", "required": True},
        **{
            name: {"type": "path", "required": True}
            for name in ("root", "environment_file", "log", "pid_file", "state_file")
        },
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    given = module.params
    try:
        env = sandbox_command.environment(given["environment_file"], given["root"])
        argv = [*given["launcher"], *sandbox_command.resolved(given["argv"], given["root"])]
        wanted = hashlib.sha256(json.dumps([given["version"], argv, env], sort_keys=True).encode()).hexdigest()
        running = sandbox_command.remembered(given["state_file"])
        if running and running["of"] == wanted:
            module.exit_json(changed=False, pid=running["pid"])
        if module.check_mode:
            module.exit_json(changed=True)
        if running:
            end(running["pid"])
        pid = start(argv, given["root"], env, given["log"])
        write(
            given["state_file"],
            json.dumps({"pid": pid, "birth": sandbox_command.birth(pid), "of": wanted, "version": given["version"]}),
        )
        write(given["pid_file"], f"{pid}\n")
    except (OSError, ValueError) as error:
        module.fail_json(msg=f"the plugin could not be started: {error}")
    module.exit_json(changed=True, pid=pid)


if __name__ == "__main__":
    main()
