"""What the forkserver does once so that no child has to: its preload entries `sandbox_suite.launch.warming:<name>`.

Ansible reads its settings when it is imported: what a child wants is compared with what was read then.
"""

import contextlib
import importlib
import os
import shutil
import warnings
from collections.abc import Mapping

# A run has its own of these, and `kinds.ansible_playbook` sees to it.
OF_A_RUN = frozenset({"ANSIBLE_LOCAL_TEMP"})
CLASSES = ("connection", "inventory", "become", "shell", "strategy", "vars", "cache", "terminal", "cliconf", "httpapi")
CALLBACKS = (
    "default",
    "minimal",
    "junit",
    "oneline",
    "tree",
)  # by name: loading all would bind ansible-runner's to the wrong environment
ACTIONS = (
    "assert",
    "async_status",
    "command",
    "copy",
    "debug",
    "fail",
    "fetch",
    "gather_facts",
    "include_vars",
    "normal",
    "set_fact",
    "template",
    "unarchive",
    "uri",
    "validate_argument_spec",
    "wait_for_connection",
)
LOOKUPS = ("file", "env", "items", "vars", "template", "dict", "fileglob")
BY_PYTEST = ("_pytest._argcomplete", "faulthandler", "pdb", "readline")  # what its plugins import when it is called
MODULES = (  # what a run imports one by one as it comes to it
    "ansible.cli.playbook",
    "ansible.executor.module_common",
    "ansible.executor.playbook_executor",
    "ansible.executor.process.worker",
    "ansible.executor.task_queue_manager",
    "ansible.playbook.handler_task_include",
    "ansible.playbook.role",
    "ansible.playbook.role_include",
    "ansible.playbook.included_file",
    "ansible.plugins.action",
    "ansible._internal._ansiballz._builder",
    "multiprocessing.popen_fork",
    "multiprocessing.queues",
    "multiprocessing.shared_memory",
    "multiprocessing.synchronize",
    "xml.dom.minidom",
)

_read: dict[str, str] = {}  # what Ansible was told when it was imported here; empty: it was not warmed


def ansible() -> None:
    """Import what a playbook imports, and find the plugins that every run looks for."""
    _read.update(settings_of(os.environ))
    for module in MODULES:
        importlib.import_module(module)
    from ansible import constants
    from ansible.plugins import loader

    shutil.rmtree(constants.DEFAULT_LOCAL_TMP, ignore_errors=True)  # each child has its own
    loader.init_plugin_loader()
    warnings.filterwarnings("ignore", message="AnsibleCollectionFinder has already been configured")
    importlib.import_module("ansible_collections.ansible.builtin")
    for kind in CLASSES:
        list(getattr(loader, f"{kind}_loader").all(class_only=True))
    for found, names in (
        (loader.callback_loader, (*CALLBACKS, *constants.CALLBACKS_ENABLED)),
        (loader.action_loader, ACTIONS),
        (loader.lookup_loader, LOOKUPS),
    ):
        for name in names:
            found.get(name, class_only=True)
    _template()


def _template() -> None:
    """Render once: Jinja's environment, and the filters and tests of Ansible, are made at the first rendering."""
    from ansible.parsing.dataloader import DataLoader
    from ansible.template import Templar, trust_as_template

    text = trust_as_template("{{ (a | default('b') | length) is not none and a is not defined }}")
    Templar(loader=DataLoader(), variables={}).template(text)


def pytest() -> None:
    """Import pytest's own plugins and testinfra: pytest imports them by name when it is called."""
    from _pytest.config import builtin_plugins

    for name in (*(f"_pytest.{plugin}" for plugin in sorted(builtin_plugins)), *BY_PYTEST):
        importlib.import_module(name)
    import testinfra.modules

    for module in sorted(set(testinfra.modules.modules.values())):
        with contextlib.suppress(ImportError):
            importlib.import_module(f"testinfra.modules.{module.partition(':')[0]}")


def settings_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of Ansible in an environment, without those that each run has for itself."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(("ANSIBLE_", "_ANSIBLE_")) and name not in OF_A_RUN
    }


def differences(wanted: Mapping[str, str], read: Mapping[str, str] | None = None) -> list[str]:
    """Return the names of Ansible's settings in which a run differs from what was read here (or from `read`)."""
    there, asked = _read if read is None else read, settings_of(wanted)
    return sorted(name for name in there.keys() | asked.keys() if there.get(name) != asked.get(name))


def is_warm() -> bool:
    """Say whether this process is a child of a forkserver that has warmed Ansible."""
    return bool(_read)
