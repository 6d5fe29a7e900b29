#!/usr/bin/python3
"""A module that tells all that a module can see of how it was started."""

from __future__ import annotations

import atexit
import os
import random
import resource
import shutil
import signal
import sys

from ansible.module_utils import shared
from ansible.module_utils.basic import AnsibleModule

OPTIONS = {
    "print": {"type": "bool"},
    "raise": {"type": "bool"},
    "exit": {"type": "int"},
    "kill": {"type": "bool"},
    "folder": {"type": "path"},
    "secret": {"type": "str", "no_log": True},
    "warn": {"type": "bool"},
}


def seen() -> dict[str, object]:
    """Return what the process looks like from inside."""
    return {
        "environment": dict(os.environ),
        "argv": [os.path.basename(word) for word in sys.argv],
        "file": os.path.basename(__file__),
        "name": __name__,
        "main": sorted(name for name in vars(sys.modules["__main__"]) if not name.startswith("_")),
        "executable": sys.executable,
        "path": [entry for entry in sys.path if not entry.endswith("payload.zip")],
        "cwd": os.getcwd(),
        "input": sys.stdin.read(),
        "encodings": [sys.stdout.encoding, sys.stdout.errors, sys.getfilesystemencoding(), sys.stderr.errors],
        "umask": os.umask(0o22),
        "descriptors": sorted(name for name in os.listdir("/proc/self/fd") if int(name) < 3),
        "others": len(os.listdir("/proc/self/fd")) - 4 > 1,
        "signals": {str(number): str(signal.getsignal(number)) for number in signal.valid_signals()},
        "limits": [resource.getrlimit(number) for number in range(resource.RLIMIT_NOFILE + 1)],
        "ids": [os.getuid(), os.getgid(), os.getgroups()],
        "alone": os.getsid(0) != os.getsid(os.getppid()) or os.getsid(0) != 0,
        "shared": shared.ANSWER,
        "unshared": missing(),
        "priority": os.nice(0),
    }


def missing() -> str:
    """Return what happens to an import that the payload does not hold (on purpose not seen by Ansible)."""
    try:
        __import__("ansible.module_utils.urls")
    except ImportError as error:
        return str(error)
    return "found"


def main() -> None:
    """Do what was asked for."""
    module = AnsibleModule(OPTIONS, supports_check_mode=True)
    wanted = module.params
    if wanted["print"]:
        print("words before the result")
    if wanted["raise"]:
        raise RuntimeError("raised on purpose")
    if wanted["exit"] is not None:
        sys.exit(wanted["exit"])
    if wanted["kill"]:
        os.kill(os.getpid(), signal.SIGKILL)
    if wanted["folder"]:
        os.mkdir(wanted["folder"])
        atexit.register(shutil.rmtree, wanted["folder"])
    if wanted["warn"]:
        module.warn("a warning")
        module.deprecate("a deprecation", version="9.9")
    module.exit_json(changed=False, random_number=random.random(), secret=wanted["secret"], **seen())


if __name__ == "__main__":
    main()
