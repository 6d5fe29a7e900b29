"""Whole programs as targets of `Child.start`: arguments are those of their command lines, without the name."""

import secrets
import sys
import tempfile


def pytest(*arguments: str) -> int:
    """Run pytest."""
    import pytest

    return int(pytest.main(list(arguments)))


def ansible_playbook(*arguments: str) -> int:
    """Run ansible-playbook. ANSIBLE_* settings were read at import: those of the forkserver hold."""
    from ansible import constants
    from ansible.cli.playbook import main
    from ansible.utils import vars as ids

    # Made once, at import, so that every child would have the same: task ids, and a folder that is removed at exit.
    ids.random_int = f"{secrets.randbelow(1 << 32):08x}"
    with tempfile.TemporaryDirectory(prefix="ansible-local-") as folder:
        constants.DEFAULT_LOCAL_TMP = folder
        sys.argv = ["ansible-playbook", *arguments]
        return int(main(sys.argv) or 0)
