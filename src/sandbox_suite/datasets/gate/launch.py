"""Starts the gate as a process of its own and believes nothing that it did not sign."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from sandbox_suite.core.clock import iso
from sandbox_suite.core.errors import SandboxError
from sandbox_suite.core.files import canonical, digest, read_json
from sandbox_suite.datasets import attestation
from sandbox_suite.datasets.gate.verdict import CHECKS, Request, Verdict, blocked, from_dict

SECONDS = 600  # for a whole gate run
PASSED = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TMPDIR")  # of the environment; nothing else reaches the gate
COMMAND = (sys.executable, "-m", "sandbox_suite.datasets.gate")


def gate(
    request: Request,
    master: bytes,
    signing: bytes,
    out: Path,
    *,
    seconds: float = SECONDS,
    command: tuple[str, ...] = COMMAND,
    started: Callable[[int], None] = lambda pid: None,
) -> Verdict:
    """Run the gate and return its verdict; a blocked one for whatever is not a signed, complete one."""
    arguments = [
        f"--raw={request.raw}",
        f"--quarantine={request.quarantine}",
        f"--policy={request.policy}",
        f"--out={out}",
        f"--seed={request.seed}",
        f"--now={iso(request.now)}",
        f"--cache-key={request.cache_key}",
    ]
    keys = json.dumps({"master": master.hex(), "signing": signing.decode()}).encode()
    out.unlink(missing_ok=True)
    process = subprocess.Popen(
        [*command, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={name: os.environ[name] for name in PASSED if name in os.environ},
        start_new_session=True,
    )
    started(process.pid)
    try:
        _, said = process.communicate(keys, timeout=seconds)
    except subprocess.TimeoutExpired:
        return blocked("gate-timeout", f"the gate had no answer after {seconds:g} s")
    finally:
        _end(process)
    if process.returncode not in (0, 3):
        return blocked("gate-ended", f"the gate ended with {process.returncode}{_kind(said)}")
    return _judged(out, request, signing, process.returncode)


def _judged(out: Path, request: Request, signing: bytes, code: int) -> Verdict:
    try:
        verdict = from_dict(read_json(out))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return blocked("gate-garbled", "the gate left no verdict that can be read")
    names = [check.name for check in verdict.checks]
    if names != list(CHECKS):
        return blocked("gate-skipped", f"the gate ran {len(set(names) & set(CHECKS))} of {len(CHECKS)} checks")
    if verdict.findings:
        return verdict
    return _signed(verdict, request, signing) if code == 0 else blocked("gate-garbled", "the gate blocked in silence")


def _signed(verdict: Verdict, request: Request, signing: bytes) -> Verdict:
    try:
        body = attestation.verify(verdict.attestation, signing, digest(canonical(verdict.manifest)), request.now)
    except (SandboxError, TypeError) as error:
        return blocked("gate-unsigned", str(error).splitlines()[0])
    if body["cache_key"] != request.cache_key or [check["name"] for check in body["checks"]] != list(CHECKS):
        return blocked("gate-unsigned", "the gate signed something else")
    return verdict


def _end(process: subprocess.Popen[bytes]) -> None:
    """End whatever the gate left of itself."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stderr:
        process.stderr.close()


def _kind(said: bytes) -> str:
    """Return the type of the exception that ended the gate; its words may quote a value."""
    lines = said.decode(errors="replace").strip().splitlines()
    kind = lines[-1].partition(":")[0] if lines else ""
    return f" ({kind})" if kind.replace(".", "").replace("_", "").isalnum() else ""
