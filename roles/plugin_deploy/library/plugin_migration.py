#!/usr/bin/python3
"""Module plugin_migration: bring a plugin's schema up to date with the plugin's own command."""

from __future__ import annotations

import os

from ansible.module_utils import sandbox_command
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: plugin_migration
short_description: Runs a plugin's migrations as the plugin
description:
  - Runs the command once for each version of the plugin; where C(once) is false, before each start of its process.
options:
  argv: {type: list, elements: str, required: true, description: The command.}
  root: {type: path, required: true, description: Folder with the plugin's files.}
  workdir: {type: path, default: ., description: Where it runs, inside C(root).}
  environment_file: {type: path, required: true, description: JSON object with the environment.}
  log: {type: path, required: true, description: Where its output goes.}
  marker: {type: path, required: true, description: File that says for which version it ran.}
  once: {type: bool, default: false, description: Whether one run is enough, however often the plugin is started.}
  state_file: {type: path, required: true, description: State file of the plugin's process.}
  version: {type: str, required: true, description: What tells versions of the plugin apart.}
  timeout: {type: float, default: 60, description: Seconds after which it is ended.}
"""


def done(marker: str, version: str, once: bool, state_file: str) -> bool:
    """Tell whether nothing is to be run: this version's migrations ran, and its process runs or need not."""
    try:
        with open(marker) as file:
            ran = file.read() == version
    except FileNotFoundError:
        return False
    running = sandbox_command.remembered(state_file)
    return ran and (once or bool(running and running["version"] == version))


def main() -> None:
    """Do what the parameters say."""
    spec = {
        "argv": {"type": "list", "elements": "str", "required": True},
        "root": {"type": "path", "required": True},
        "workdir": {"type": "path", "default": "."},
        "environment_file": {"type": "path", "required": True},
        "log": {"type": "path", "required": True},
        "marker": {"type": "path", "required": True},
        "once": {"type": "bool", "default": False},
        "state_file": {"type": "path", "required": True},
        "version": {"type": "str", "required": True},
        "timeout": {"type": "float", "default": 60.0},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    given = module.params
    if done(given["marker"], given["version"], given["once"], given["state_file"]):
        module.exit_json(changed=False)
    if module.check_mode:
        module.exit_json(changed=True)
    try:
        env = sandbox_command.environment(given["environment_file"], given["root"])
        argv = sandbox_command.resolved(given["argv"], given["root"])
        code = sandbox_command.run(
            argv, os.path.join(given["root"], given["workdir"]), env, given["log"], given["timeout"]
        )
    except (OSError, ValueError) as error:
        module.fail_json(msg=f"the migrations could not be started: {error}")
    if code != 0:
        ended = f"ended with {code}" if code is not None else f"took more than {given['timeout']:g} s and were ended"
        module.fail_json(msg=f"the migrations {ended}:\n{sandbox_command.tail(given['log'])}")
    with open(given["marker"], "w") as file:
        file.write(given["version"])
    module.exit_json(changed=True)


if __name__ == "__main__":
    main()
