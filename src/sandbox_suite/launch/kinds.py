"""Whole programs as targets of `Child.start`: arguments are those of their command lines, without the name."""

import os
import secrets
import sys
import tempfile
from pathlib import Path

from sandbox_suite.core.errors import InfrastructureError

PAYLOADS = "SANDBOX_PAYLOADS"  # a folder that keeps the modules which ansible-playbook packs, from run to run


def pytest(*arguments: str) -> int:
    """Run pytest."""
    import pytest

    return int(pytest.main(list(arguments)))


def ansible_playbook(*arguments: str) -> int:
    """Run ansible-playbook in a forkserver that has warmed it. Its settings must be those that were read then."""
    from sandbox_suite.launch import warming

    if wrong := warming.differences(os.environ):
        raise InfrastructureError(
            f"the forkserver's Ansible was started with other settings: {', '.join(wrong)}",
            remedy="run ansible-playbook in a process of its own",
        )
    from ansible import constants
    from ansible.cli.playbook import main
    from ansible.utils import vars as ids
    from ansible.utils.display import Display

    # Made once, at import, so that every child would have the same: task ids, and a folder that is removed at exit.
    ids.random_int = f"{secrets.randbelow(1 << 32):08x}"
    Display()._set_column_width()
    with tempfile.TemporaryDirectory(prefix="ansible-local-", dir=_local_temp()) as folder:
        constants.DEFAULT_LOCAL_TMP = folder
        if kept := os.environ.get(PAYLOADS):
            (Path(folder) / "ansiballz_cache").symlink_to(kept)
        sys.argv = ["ansible-playbook", *arguments]
        return int(main(sys.argv) or 0)


def _local_temp() -> Path | None:
    """Return where this run wants its temporary files; None: where everybody's are."""
    wanted = os.environ.get("ANSIBLE_LOCAL_TEMP")
    if not wanted:
        return None
    folder = Path(wanted)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
