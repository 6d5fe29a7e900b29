#!/usr/bin/python3
"""Module suite_upload: unpack the archive of suites that the action of the same name made."""

from __future__ import annotations

import os
import shutil
import tarfile

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: suite_upload
short_description: Brings the folders of suites into a container
description:
  - The folders travel as one archive; nothing travels when the same content is there already.
options:
  suites: {type: list, elements: dict, description: The suites, each with C(name) and C(path) on the controller.}
  folder: {type: path, required: true, description: Folder that holds one folder for each suite afterwards.}
  sha256: {type: str, description: SHA-256 of the archive; given by the action.}
  archive: {type: path, description: The archive; given by the action.}
"""


def marked(folder: str) -> str:
    """Return the hash of the archive that `folder` was made from."""
    try:
        with open(folder + ".sha256") as file:
            return file.read() if os.path.isdir(folder) else ""
    except FileNotFoundError:
        return ""


def unpack(archive: str, folder: str) -> None:
    """Make `folder` from the archive; it is complete or as it was."""
    fresh = folder + ".new"
    shutil.rmtree(fresh, ignore_errors=True)
    os.makedirs(fresh)
    with tarfile.open(archive, "r:gz") as tar:
        tar.extractall(fresh)  # noqa: S202 - our own action made it, of plain files
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(fresh, folder)


def main() -> None:
    """Do what the parameters say."""
    spec = {
        "suites": {"type": "list", "elements": "dict"},
        "folder": {"type": "path", "required": True},
        "sha256": {"type": "str", "required": True},
        "archive": {"type": "path"},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    archive, folder, sha256 = (module.params[name] for name in ("archive", "folder", "sha256"))
    complete = marked(folder) == sha256
    try:
        if archive and not complete:
            unpack(archive, folder)
            with open(folder + ".sha256", "w") as file:
                file.write(sha256)
    except (OSError, tarfile.TarError) as error:
        module.fail_json(msg=f"the suites were not unpacked: {error}")
    module.exit_json(changed=not complete, complete=complete, folder=folder)


if __name__ == "__main__":
    main()
