"""What Ansible loads as connection `sandbox`; the logic is `sandbox_suite.sessions.connection`."""

from sandbox_suite.sessions.connection import Connection

__all__ = ["DOCUMENTATION", "Connection"]

DOCUMENTATION = r"""
name: sandbox
short_description: Run tasks in a container over its warm session
description:
  - Commands and files go through the one session that sandbox-suite keeps to the container.
  - Nothing but Python 3 is needed inside, neither sshd nor root nor a bind mount.
author: sandbox-suite
options:
  container:
    description: Name or id of the container.
    type: str
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: ansible_host
      - name: sandbox_container
  remote_user:
    description: User inside the container; the container's own when empty.
    type: str
    vars:
      - name: ansible_user
      - name: sandbox_user
    env:
      - name: ANSIBLE_REMOTE_USER
    keyword:
      - name: remote_user
  socket:
    description: Socket of the holder of sessions; by default that of this installation, started when none runs.
    type: path
    vars:
      - name: sandbox_socket
  command_timeout:  # not `timeout`: Ansible gives an option of that name its own, ten seconds to connect
    description: Seconds one command or file may take.
    type: float
    default: 3600
    vars:
      - name: sandbox_timeout
  warm:
    description:
      - Modules run in a child of the session's agent, which has loaded what they need.
      - What is not understood runs in a Python of its own, as everything does when this is false.
    type: bool
    default: true
    vars:
      - name: sandbox_warm
  pipelining:
    description: Modules are sent as input of the interpreter, with no file left behind.
    type: bool
    default: true
    vars:
      - name: ansible_pipelining
      - name: ansible_sandbox_pipelining
"""
