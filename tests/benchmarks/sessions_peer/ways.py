"""The three ways into a container that bench.sessions compares: what each tells Ansible, all else being equal."""

import importlib.util
import os
from pathlib import Path
from typing import Any

from sandbox_suite.converge import configuration

HERE = Path(__file__).parent
WAYS = ("session", "mitogen", "docker")
LEARNED = "SANDBOX_BENCH_LEARNED"


def settings(way: str, scratch: Path) -> dict[str, str]:
    """Return what a run's environment has beside Ansible's ordinary settings."""
    config = scratch / "ansible.cfg"
    config.touch()
    own = {
        "ANSIBLE_CONFIG": str(config),
        "ANSIBLE_INVENTORY_ENABLED": "yaml",
        "ANSIBLE_REMOTE_TEMP": "/scratch/.ansible",  # mitogen wants to be able to execute there
        "ANSIBLE_ROLES_PATH": str(HERE / "roles"),
    }
    if way == "mitogen":
        own |= {"ANSIBLE_STRATEGY": "mitogen_linear", "ANSIBLE_STRATEGY_PLUGINS": str(_mitogen() / "plugins/strategy")}
    return own


def environment(way: str, scratch: Path) -> dict[str, str]:
    """Return the environment of a run."""
    plain = configuration.environment(scratch) | settings(way, scratch) | {"SANDBOX_PAYLOADS": str(_payloads(scratch))}
    passed = {name: os.environ[name] for name in ("DOCKER_HOST", LEARNED) if name in os.environ}
    return _without_audit(plain) | passed


def server_environment(way: str, scratch: Path) -> dict[str, str]:
    """Return the environment of the forkserver, which has read the same settings."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    ours.pop("NO_COLOR", None)
    own = configuration.forkserver_environment(scratch) | settings(way, scratch)
    return ours | _without_audit(own) | {"LC_ALL": "C.UTF-8"}


def variables(way: str, container: str, user: str, socket: str) -> dict[str, Any]:
    """Return the variables of the one host."""
    connections: dict[str, dict[str, Any]] = {
        "session": {"ansible_connection": "sandbox", "sandbox_container": container, "sandbox_socket": socket},
        "mitogen": {"ansible_connection": "mitogen_docker", "ansible_host": container},
        "docker": {"ansible_connection": "community.docker.docker", "ansible_host": container},
    }
    return {"ansible_python_interpreter": "/usr/bin/python3", "ansible_user": user, **connections[way]}


def _without_audit(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name != "ANSIBLE_CALLBACKS_ENABLED"}


def _payloads(scratch: Path) -> Path:
    kept = scratch / "payloads"
    kept.mkdir(exist_ok=True, mode=0o700)
    return kept


def _mitogen() -> Path:
    found = importlib.util.find_spec("ansible_mitogen")
    assert found
    return Path(str(found.origin)).parent
