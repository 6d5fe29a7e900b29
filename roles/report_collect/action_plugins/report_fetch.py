"""Action report_fetch: have the module of the same name pack a part, fetch the archive, unpack it with distrust."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from sandbox_suite.converge import collected, context


class ActionModule(ActionBase):
    """What Ansible looks for."""

    TRANSFERS_FILES = True

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fetch what the part left."""
        super().run(tmp, task_vars)
        given = dict(self._task.args)
        artifacts = Path(given.pop("artifacts", ""))
        if not artifacts.is_absolute():
            raise AnsibleActionFail("`artifacts` must be the absolute path of a folder on the controller")
        if self._task.check_mode:
            return {"changed": False, "skipped": True, "skip_reason": "nothing is fetched in check mode"}
        place = self._connection._shell.join_path(self._make_tmp_path(), "report.tar")
        packed: dict[str, Any] = self._execute_module("report_fetch", {**given, "archive": place}, task_vars=task_vars)
        if packed.get("failed"):
            return packed
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / "report.tar"
            self._connection.fetch_file(place, str(local))
            changed = self._unpack(local, artifacts, list(given.get("sources") or ()))
        self._remove_tmp_path(self._connection._shell.tmpdir)
        return {"changed": bool(changed), "files": changed}

    def _unpack(self, archive: Path, artifacts: Path, owned: list[str]) -> list[str]:
        told = context.from_environment(os.environ)
        try:
            return collected.unpack(archive, artifacts, owned, told.redactor() if told else None)
        except collected.RefusedError as error:
            raise AnsibleActionFail(f"what the part left was not unpacked: {error}") from error
