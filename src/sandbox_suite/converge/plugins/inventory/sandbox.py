"""Loaded by Ansible; the work is in `sandbox_suite.converge.inventory`."""

from sandbox_suite.converge.inventory import SandboxInventory

DOCUMENTATION = """
name: sandbox
short_description: The containers of a sandbox, from the outputs of its stack
description:
  - Each part of a sandbox (database, plugin, runner) is a host in the group C(sandbox).
  - Reads C(outputs.json) in the job's folder; no container is asked.
options:
  plugin:
    description: Names this plugin.
    required: true
    choices: [sandbox]
  job:
    description: The job whose sandbox it is.
    type: str
    env:
      - name: SANDBOX_JOB
  job_folder:
    description: The job's folder, where it is not below SANDBOX_HOME.
    type: path
    env:
      - name: SANDBOX_JOB_FOLDER
  socket:
    description: Where the holder of the sessions listens.
    type: path
    env:
      - name: SANDBOX_SOCKET
"""


class InventoryModule(SandboxInventory):
    """What Ansible looks for."""
