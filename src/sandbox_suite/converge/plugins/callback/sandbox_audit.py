"""Loaded by Ansible; the work is in `sandbox_suite.converge.audit_callback`."""

from sandbox_suite.converge.audit_callback import AuditCallback

DOCUMENTATION = """
name: sandbox_audit
type: aggregate
short_description: Appends an audit record for each task result
description:
  - One record per task and host goes to the audit log of the job that the variable SANDBOX_JOB names.
requirements:
  - enabled through callbacks_enabled
"""


class CallbackModule(AuditCallback):
    """What Ansible looks for."""
