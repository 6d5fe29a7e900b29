"""Action suite_upload: pack the suites' folders into one archive; the module of the same name unpacks it there."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

LARGEST = 256 << 20  # bytes of all suites together
LEFT_OUT = {"__pycache__", "node_modules/.cache", ".git"}


def archive(suites: dict[str, Path]) -> bytes:
    """Return the folders as a gzipped tar, each below its suite's name; equal folders give equal bytes."""
    raw, total = io.BytesIO(), 0
    with (
        gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        for name, folder in sorted(suites.items()):
            for file in sorted(folder.rglob("*")):
                inner = file.relative_to(folder)
                if not file.is_file() or LEFT_OUT.intersection(inner.parts):
                    continue
                data = file.read_bytes()
                total += len(data)
                if total > LARGEST:
                    raise AnsibleActionFail(f"the suites hold more than {LARGEST >> 20} MiB")
                member = tarfile.TarInfo(f"{name}/{inner.as_posix()}")
                member.size, member.mode = len(data), 0o755 if file.stat().st_mode & 0o100 else 0o644
                tar.addfile(member, io.BytesIO(data))
    return raw.getvalue()


class ActionModule(ActionBase):
    """What Ansible looks for."""

    TRANSFERS_FILES = True

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Upload what is not there yet."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            {
                "suites": {"type": "list", "elements": "dict", "required": True},
                "folder": {"type": "path", "required": True},
            }
        )
        suites = {str(suite["name"]): Path(suite["path"]) for suite in given["suites"]}
        missing = [str(folder) for folder in suites.values() if not folder.is_dir()]
        if missing:
            raise AnsibleActionFail(f"no such folder: {', '.join(missing)}")
        data = archive(suites)
        content = {"folder": given["folder"], "sha256": hashlib.sha256(data).hexdigest()}
        there = self._execute_module("suite_upload", content, task_vars=task_vars)
        if there.get("failed") or there.get("complete") or self._task.check_mode:
            return there
        place = self._connection._shell.join_path(self._make_tmp_path(), "suites.tar.gz")
        self._transfer_data(place, data)
        done: dict[str, Any] = self._execute_module("suite_upload", {**content, "archive": place}, task_vars=task_vars)
        self._remove_tmp_path(self._connection._shell.tmpdir)
        return done
