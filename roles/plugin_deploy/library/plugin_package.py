#!/usr/bin/python3
"""Module plugin_package: unpack a plugin's package once its hash is proved where it will run (S-11)."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from typing import IO

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: plugin_package
short_description: Unpacks a plugin's package after proving its hash
description:
  - The package is a gzipped tar of plain files. Anything else in it, or another hash, is refused.
options:
  package: {type: path, required: true, description: The package file.}
  sha256: {type: str, required: true, description: SHA-256 of the package file.}
  folder: {type: path, required: true, description: Folder that holds the plugin's files and nothing else afterwards.}
"""

MARK = ".sha256"  # in the folder beside: which package the folder was made from


class RefusedError(Exception):
    """The package is not what it should be."""


def prove(package: str, expected: str) -> str:
    """Return the package's hash; RefusedError where it is not the expected one."""
    with open(package, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected.removeprefix("sha256:"):
        raise RefusedError(f"the package that arrived has the SHA-256 {found}, expected is {expected} (S-11)")
    return found


def unpack(package: str, folder: str) -> None:
    """Make `folder` from the package; it is complete or as it was."""
    fresh = folder + ".new"
    shutil.rmtree(fresh, ignore_errors=True)
    os.makedirs(fresh, mode=0o700)
    with tarfile.open(package, "r:gz") as archive:
        for member in archive:
            if not member.isreg() or os.path.isabs(member.name) or ".." in member.name.split("/"):
                raise RefusedError(f"{member.name!r} in the package is no plain file inside it")
            write(archive.extractfile(member), os.path.join(fresh, member.name), member.mode & 0o777)
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(fresh, folder)


def write(source: IO[bytes], path: str, mode: int) -> None:
    """Write one file of the package."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "xb") as file:
        shutil.copyfileobj(source, file)
    os.chmod(path, mode)


def marked(folder: str) -> str:
    """Return the hash of the package that `folder` was made from."""
    try:
        with open(folder + MARK) as file:
            return file.read() if os.path.isdir(folder) else ""
    except FileNotFoundError:
        return ""


def main() -> None:
    """Do what the parameters say."""
    spec = {
        "package": {"type": "path", "required": True},
        "sha256": {"type": "str", "required": True},
        "folder": {"type": "path", "required": True},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    package, folder = module.params["package"], module.params["folder"]
    try:
        found = prove(package, module.params["sha256"])
        changed = marked(folder) != found
        if changed and not module.check_mode:
            unpack(package, folder)
            with open(folder + MARK, "w") as file:
                file.write(found)
    except (RefusedError, OSError, tarfile.TarError, EOFError) as error:
        module.fail_json(msg=f"the plugin was not unpacked: {error}")
    module.exit_json(changed=changed, sha256=found)


if __name__ == "__main__":
    main()
