"""mitogen's share of a warmed forkserver: its modules, and what its runs compute anew, kept as a run left it.

A run's broker reads, minifies and compresses each module that a container asks for, and scans each Ansible module for
what it imports. The first run notes both; a forkserver that finds the notes has the results ready for its children.
"""

import importlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.benchmarks.sessions_peer.ways import LEARNED

MODULES = (
    "ansible_mitogen.connection",
    "ansible_mitogen.mixins",
    "ansible_mitogen.module_finder",
    "ansible_mitogen.planner",
    "ansible_mitogen.plugins.strategy.mitogen_linear",
    "ansible_mitogen.process",
    "ansible_mitogen.services",
    "ansible_mitogen.strategy",
    "ansible_mitogen.target",
    "ansible_mitogen.transport_config",
    "mitogen.docker",
    "mitogen.fork",
    "mitogen.minify",
    "mitogen.select",
    "mitogen.service",
    "mitogen.unix",
)
Key = tuple[str, str, tuple[str, ...]]


class Open:
    """Stands for the responder's policy while nobody asks yet: everything may be looked up."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def warm() -> None:
    """Preload."""
    for module in MODULES:
        importlib.import_module(module)
    import mitogen.parent

    mitogen.parent.get_core_source_partial()
    served, scans = _notes()
    _keep_served(served)
    _keep_scans(scans)


def _note(kind: str, what: Any) -> None:
    with Path(os.environ[LEARNED]).open("a") as file:
        file.write(json.dumps([kind, what]) + "\n")


def _notes() -> tuple[list[str], list[Key]]:
    path = Path(os.environ[LEARNED])
    lines = [json.loads(line) for line in sorted(set(path.read_text().splitlines()))] if path.exists() else []
    served = [what for kind, what in lines if kind == "served"]
    scans = [what for kind, what in lines if kind == "scan"]
    return served, [(name, file, tuple(paths)) for name, file, paths in scans]


def _keep_served(names: list[str]) -> None:
    from mitogen import master

    responder = master.ModuleResponder
    build, kept = responder._build_tuple, {}

    def build_tuple(self: Any, fullname: str) -> Any:
        if fullname in kept and fullname not in self._cache:
            self.policy.denied_raise(fullname)
            self._cache[fullname] = kept[fullname]
        elif fullname not in self._cache:
            _note("served", fullname)
        return build(self, fullname)

    kept.update(_built(responder, build, names))
    responder._build_tuple = build_tuple


def _built(responder: Any, build: Any, names: list[str]) -> dict[str, Any]:
    """Return what a responder answers for `names`."""
    import logging

    from mitogen import master

    one = responder.__new__(responder)
    one._cache, one._finder, one.policy, one.minify_secs = {}, master.ModuleFinder(), Open(), 0.0
    one._log = logging.getLogger("mitogen.warming")
    for name in names:
        with suppress(Exception):  # the run will find out itself
            build(one, name)
    return dict(one._cache)


def _keep_scans(keys: list[Key]) -> None:
    from ansible_mitogen import module_finder

    scan, kept = module_finder.scan, {}

    def kept_scan(module_name: str, module_path: str, search_path: Any) -> Any:
        key = (module_name, module_path, tuple(search_path))
        if key not in kept:
            kept[key] = scan(module_name, module_path, search_path)
            _note("scan", key)
        return kept[key]

    for key in keys:
        kept[key] = scan(*key)
    module_finder.scan = kept_scan
