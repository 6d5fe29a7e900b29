#!/usr/bin/python3
"""Module plugin_health: wait until a plugin says that it is well (S-15), looking every 20 ms."""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.request

from ansible.module_utils import sandbox_command
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: plugin_health
short_description: Waits until a plugin is healthy
description:
  - Asks the plugin's health address until it answers 200, its process ends, or the time is up.
options:
  url: {type: str, required: true, description: The health address.}
  pid_file: {type: path, required: true, description: File with the id of the plugin's process.}
  log: {type: path, required: true, description: The plugin's log; its end is shown when the plugin is not well.}
  timeout: {type: float, default: 30, description: Seconds to wait in all.}
  request_timeout: {type: float, default: 3, description: Seconds to wait for one answer.}
"""

PAUSE = 0.02


def answer(url: str, seconds: float) -> tuple[bool, str]:
    """Return (healthy, what was answered)."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=seconds) as reply:
            return reply.status == 200, f"status {reply.status}"
    except urllib.error.HTTPError as error:
        return False, f"status {error.code}"
    except (OSError, ValueError) as error:
        return False, str(getattr(error, "reason", error))


def lives(pid_file: str) -> bool:
    """Tell whether the plugin's process runs."""
    with open(pid_file) as file:
        return sandbox_command.birth(int(file.read())) is not None


def wait(url: str, pid_file: str, seconds: float, each: float) -> str:
    """Return what is wrong after waiting; nothing when the plugin is well."""
    last = time.monotonic() + seconds
    while True:
        well, said = answer(url, each)
        if well:
            return ""
        if not lives(pid_file):
            return "its process has ended"
        if time.monotonic() > last:
            return f"after {seconds:g} s the last answer was: {said}"
        time.sleep(PAUSE)


def main() -> None:
    """Do what the parameters say."""
    spec = {
        "url": {"type": "str", "required": True},
        "pid_file": {"type": "path", "required": True},
        "log": {"type": "path", "required": True},
        "timeout": {"type": "float", "default": 30.0},
        "request_timeout": {"type": "float", "default": 3.0},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    given = module.params
    if module.check_mode and not os.path.exists(given["pid_file"]):
        module.exit_json(changed=False)
    try:
        wrong = wait(given["url"], given["pid_file"], given["timeout"], given["request_timeout"])
    except (OSError, ValueError) as error:
        wrong = str(error)
    if wrong:
        log = sandbox_command.tail(given["log"])
        module.fail_json(msg=f"the plugin is not healthy at {given['url']}: {wrong}\nits log ends with:\n{log}")
    module.exit_json(changed=False, url=given["url"])


if __name__ == "__main__":
    main()
