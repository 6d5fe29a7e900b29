"""Ansible's settings, once: `ansible.cfg` has them for work by hand, `environment()` for runs by the control plane.

A test compares the two. Everything a run depends on is set here, so that nothing of a user's own configuration or
environment changes what a job does.
"""

import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from sandbox_suite.core.settings import CHECKOUT

PLUGINS = "src/sandbox_suite/converge/plugins"


@dataclass(frozen=True)
class Setting:
    """One setting: where it stands in ansible.cfg, its variable, its value; a path's is relative to the checkout."""

    section: str
    key: str
    variable: str
    value: str
    path: bool = False

    def absolute(self, root: Path) -> str:
        """Return the value for an environment."""
        return str(root / self.value) if self.path else self.value


SETTINGS = (
    Setting("defaults", "roles_path", "ANSIBLE_ROLES_PATH", "roles", path=True),
    Setting("defaults", "module_utils", "ANSIBLE_MODULE_UTILS", f"{PLUGINS}/module_utils", path=True),
    Setting("defaults", "callback_plugins", "ANSIBLE_CALLBACK_PLUGINS", f"{PLUGINS}/callback", path=True),
    Setting("defaults", "connection_plugins", "ANSIBLE_CONNECTION_PLUGINS", f"{PLUGINS}/connection", path=True),
    Setting("defaults", "inventory_plugins", "ANSIBLE_INVENTORY_PLUGINS", f"{PLUGINS}/inventory", path=True),
    Setting("defaults", "callbacks_enabled", "ANSIBLE_CALLBACKS_ENABLED", "sandbox_audit"),
    Setting("defaults", "interpreter_python", "ANSIBLE_PYTHON_INTERPRETER", "/usr/bin/python3"),
    Setting("defaults", "gathering", "ANSIBLE_GATHERING", "explicit"),
    Setting("defaults", "remote_tmp", "ANSIBLE_REMOTE_TEMP", "/tmp/.ansible"),  # noqa: S108 - each part has its own
    Setting("defaults", "deprecation_warnings", "ANSIBLE_DEPRECATION_WARNINGS", "False"),
    Setting("defaults", "localhost_warning", "ANSIBLE_LOCALHOST_WARNING", "False"),
    Setting("defaults", "retry_files_enabled", "ANSIBLE_RETRY_FILES_ENABLED", "False"),
    Setting("defaults", "nocows", "ANSIBLE_NOCOWS", "True"),
    Setting("inventory", "enable_plugins", "ANSIBLE_INVENTORY_ENABLED", "sandbox"),
    Setting("inventory", "any_unparsed_is_failed", "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED", "True"),
    Setting("connection", "pipelining", "ANSIBLE_PIPELINING", "True"),
)


def environment(runtime: Path | None = None, root: Path = CHECKOUT) -> dict[str, str]:
    """Return Ansible's settings as environment variables: the same for every run, whatever the job.

    What Ansible looks for in a home is looked for below `runtime`, where nobody puts anything.
    """
    values = {setting.variable: setting.absolute(root) for setting in SETTINGS}
    return {
        **values,
        **({"ANSIBLE_HOME": str(runtime / "ansible")} if runtime else {}),
        "ANSIBLE_CONFIG": str(root / "ansible.cfg"),  # not the one of whoever runs this
        "ANSIBLE_NOCOLOR": "True",  # what is read from its terminal goes into messages
        "LC_ALL": "C.UTF-8",  # Ansible ends at once in the POSIX locale
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
        "PYTHONPATH": str(root / "src"),
    }


def forkserver_environment(runtime: Path) -> dict[str, str]:
    """Return the settings under which a forkserver warms Ansible: those of a run, and what ansible-runner adds."""
    ours = environment(runtime)
    found = importlib.util.find_spec("ansible_runner")
    callbacks = Path(str(found.origin)).parent / "display_callback" / "callback" if found else Path()
    return {name: value for name, value in ours.items() if name.startswith("ANSIBLE_")} | {
        "ANSIBLE_CALLBACK_PLUGINS": os.pathsep.join([ours["ANSIBLE_CALLBACK_PLUGINS"], str(callbacks)]),
        "ANSIBLE_STDOUT_CALLBACK": "awx_display",
        "ANSIBLE_HOST_KEY_CHECKING": "False",
    }


def config_text() -> str:
    """Return what `ansible.cfg` holds."""
    sections: dict[str, list[str]] = {}
    for setting in SETTINGS:
        sections.setdefault(setting.section, []).append(f"{setting.key} = {setting.value}")
    return "\n\n".join(f"[{section}]\n" + "\n".join(lines) for section, lines in sections.items()) + "\n"
